import { getArguments } from "wasi:cli/environment@0.2.12";
import { lines } from "./lines.js";

/** What the program does; an error that nobody catches is shown, and ends it with code 1. */
export function run() {
  const [, ...names] = getArguments();
  if (names.length > 1) {
    throw new Error("usage: {{name}} [NAME | -]");
  }
  const [name = "world"] = names;
  for (const each of name === "-" ? lines() : [name]) {
    console.log(`Hello, ${each}, from WebAssembly!`);
  }
}
