export const serve = (): Promise<string> => Promise.reject(new Error("not yet"))
export const connect = (): Promise<never> => Promise.reject(new Error("not yet"))
