import { getStdin } from "wasi:cli/stdin@0.2.12";

/** The lines of standard input, without their ends. */
export function* lines() {
  const [...all] = text(getStdin()).split(/\r?\n/);
  if (all.at(-1) === "") {
    all.pop();
  }
  yield* all;
}

function text(stream) {
  let bytes = "";
  for (;;) {
    try {
      bytes += String.fromCharCode(...stream.blockingRead(4096)); // StarlingMonkey wants 4096n
    } catch (error) {
      if (error.payload?.tag === "closed") {
        return decode(bytes);
      }
      throw error;
    }
  }
}

/** UTF-8, one byte in each character of the string, as text. */
function decode(bytes) {
  return decodeURIComponent(escape(bytes));
}
