/**
 * The figures in the documentation: what a run printed, between two marks.
 */
import * as fs from "node:fs"

const [begin, end] = ["<!-- figures -->", "<!-- end of figures -->"]

/** Puts a run's figures in the place of the last one's. */
export const write = (file: string, figures: string): void => {
  const text = fs.readFileSync(file, "utf8")
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${file} has no place for figures`)
  fs.writeFileSync(file, `${text.slice(0, from + begin.length)}\n\n${figures}\n\n${text.slice(to)}`)
}
