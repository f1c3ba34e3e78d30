import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.12";

/** Greets whom the path names: GET /Ada. */
export const incomingHandler = {
  handle(request, out) {
    const { status, text } = answer(request.method().tag, request.pathWithQuery() ?? "/");
    send(out, status, text);
  },
};

function answer(method, path) {
  if (method !== "get" && method !== "head") {
    return { status: 405, text: "only GET and HEAD\n" };
  }
  const name = path.split("?")[0].replace(/^\/+/, "") || "world";
  return { status: 200, text: `Hello, ${name}, from WebAssembly!\n` };
}

function send(out, status, text) {
  const bytes = new TextEncoder().encode(text);
  const headers = Fields.fromList([["content-type", new TextEncoder().encode("text/plain; charset=utf-8")]]);
  const response = new OutgoingResponse(headers);
  response.setStatusCode(status);
  const body = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });

  const stream = body.write();
  for (let start = 0; start < bytes.length; start += 4096) {
    stream.blockingWriteAndFlush(bytes.subarray(start, start + 4096)); // takes 4096 bytes at once
  }
  stream[Symbol.dispose](); // a body may be finished only when its stream is gone
  OutgoingBody.finish(body, undefined);
}
