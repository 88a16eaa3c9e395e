/**
 * Loaded ahead of a program that must not outlive the process that started it, however that one ends: the input of this
 * one ends with it.
 */
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume().unref()
