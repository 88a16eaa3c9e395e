/**
 * Questions that are open, by the numbers that their answers come with.
 */

/** What becomes of a question. */
export interface Question {
  readonly answered: () => void
  /** An answer came over a connection. */
  readonly reached?: (() => void) | undefined
  /** Who was asked to ask has had no answer. */
  readonly refused?: (() => void) | undefined
}

export interface Questions {
  /** Returns the number of the question. Who asks also says when it is over. */
  readonly open: (question: Question) => number
  readonly close: (sequence: number) => void
  /** Answers to what nobody has asked are no answers. */
  readonly answered: (sequence: number) => void
  readonly reached: (sequence: number) => void
  readonly refused: (sequence: number) => void
}

export const make = (): Questions => {
  const questions = new Map<number, Question>()
  let sequence = 0
  return {
    open: (question) => {
      sequence = sequence + 1 >>> 0
      questions.set(sequence, question)
      return sequence
    },
    close: (sequence) => void questions.delete(sequence),
    answered: (sequence) => questions.get(sequence)?.answered(),
    reached: (sequence) => questions.get(sequence)?.reached?.(),
    refused: (sequence) => questions.get(sequence)?.refused?.()
  }
}
