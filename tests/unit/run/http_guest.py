"""A component of the world wasi:http/proxy, by hand: what it does is the first letter of the path."""

import wasmtime

__all__ = ["HEAD", "LENGTH", "handling", "proxy"]

HEAD = """
(component
  (import "wasi:io/poll@0.2.3" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
    (export "pollable" (type $p (eq $pollable)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (import "wasi:io/error@0.2.3" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $io-error))
  (import "wasi:io/streams@0.2.3" (instance $streams
    (export "error" (type $e (eq $io-error)))
    (export "input-stream" (type $in (sub resource)))
    (export "output-stream" (type $out (sub resource)))
    (type $fails (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $fails)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $in)) (param "len" u64) (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.check-write"
      (func (param "self" (borrow $out)) (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $stream-error)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.3" (instance $stdout
    (export "output-stream" (type $o (eq $output)))
    (export "get-stdout" (func (result (own $o))))))
  (import "wasi:http/types@0.2.3" (instance $types
    (export "input-stream" (type $in (eq $input)))
    (export "output-stream" (type $out (eq $output)))
    (export "fields" (type $fields (sub resource)))
    (export "incoming-request" (type $request (sub resource)))
    (export "incoming-body" (type $body-in (sub resource)))
    (export "outgoing-response" (type $response (sub resource)))
    (export "outgoing-body" (type $body-out (sub resource)))
    (export "response-outparam" (type $param (sub resource)))
    (type $codes (variant (case "internal-error" (option string)) (case "HTTP-response-body-size" (option u64))))
    (export "error-code" (type $error-code (eq $codes)))
    (type $header-errors (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $header-error (eq $header-errors)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string)
      (param "value" (list u8)) (result (result (error $header-error)))))
    (export "[method]incoming-request.path-with-query"
      (func (param "self" (borrow $request)) (result (option string))))
    (export "[method]incoming-request.consume"
      (func (param "self" (borrow $request)) (result (result (own $body-in)))))
    (export "[method]incoming-body.stream" (func (param "self" (borrow $body-in)) (result (result (own $in)))))
    (export "[constructor]outgoing-response" (func (param "headers" (own $fields)) (result (own $response))))
    (export "[method]outgoing-response.set-status-code"
      (func (param "self" (borrow $response)) (param "status-code" u16) (result (result))))
    (export "[method]outgoing-response.body"
      (func (param "self" (borrow $response)) (result (result (own $body-out)))))
    (export "[method]outgoing-body.write" (func (param "self" (borrow $body-out)) (result (result (own $out)))))
    (export "[static]outgoing-body.finish"
      (func (param "this" (own $body-out)) (param "trailers" (option (own $fields)))
        (result (result (error $error-code)))))
    (export "[static]response-outparam.set" (func (param "param" (own $param))
      (param "response" (result (own $response) (error $error-code)))))))
  (alias export $types "fields" (type $fields))
  (alias export $types "incoming-body" (type $body-in))
  (alias export $types "outgoing-response" (type $response))
  (alias export $types "outgoing-body" (type $body-out))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $param))
  (core module $memory
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))
      (if (i32.gt_u (global.get $next) (i32.const 200000)) (then (global.set $next (i32.const 65536))))
      (local.get $at)))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $mem))
  (alias core export $m "realloc" (core func $realloc))
"""

_CALLS = {
    "block": ("poll", "[method]pollable.block"),
    "poll": ("poll", "poll"),
    "after": ("clock", "subscribe-duration"),
    "read": ("streams", "[method]input-stream.blocking-read"),
    "check": ("streams", "[method]output-stream.check-write"),
    "write": ("streams", "[method]output-stream.write"),
    "print": ("streams", "[method]output-stream.blocking-write-and-flush"),
    "stdout": ("stdout", "get-stdout"),
    "fields": ("types", "[constructor]fields"),
    "append": ("types", "[method]fields.append"),
    "path": ("types", "[method]incoming-request.path-with-query"),
    "consume": ("types", "[method]incoming-request.consume"),
    "incoming": ("types", "[method]incoming-body.stream"),
    "response": ("types", "[constructor]outgoing-response"),
    "status": ("types", "[method]outgoing-response.set-status-code"),
    "body": ("types", "[method]outgoing-response.body"),
    "outgoing": ("types", "[method]outgoing-body.write"),
    "finish": ("types", "[static]outgoing-body.finish"),
    "set": ("types", "[static]response-outparam.set"),
}
_SHAPES = {
    "block": "i32",
    "poll": "i32 i32 i32",
    "after": "i64 > i32",
    "read": "i32 i64 i32",
    "check": "i32 i32",
    "write": "i32 i32 i32 i32",
    "print": "i32 i32 i32 i32",
    "stdout": "> i32",
    "fields": "> i32",
    "append": "i32 i32 i32 i32 i32 i32",
    "path": "i32 i32",
    "consume": "i32 i32",
    "incoming": "i32 i32",
    "response": "i32 > i32",
    "status": "i32 i32 > i32",
    "body": "i32 i32",
    "outgoing": "i32 i32",
    "finish": "i32 i32 i32 i32",
    "set": "i32 i32 i32 i32 i64 i32",
    "drop-out": "i32",
    "drop-in": "i32",
    "drop-fields": "i32",
    "drop-request": "i32",
    "drop-body-in": "i32",
    "drop-response": "i32",
    "drop-body-out": "i32",
    "drop-param": "i32",
    "drop-pollable": "i32",
}
_DROPPED = {
    "out": "output",
    "in": "input",
    "fields": "fields",
    "request": "request",
    "body-in": "body-in",
    "response": "response",
    "body-out": "body-out",
    "param": "param",
    "pollable": "pollable",
}

_CODE = """
    (data (i32.const 1024) "hello\\0a")
    (data (i32.const 1040) "x-many")
    (data (i32.const 1048) "content-length")
    (data (i32.const 1064) "9")
    (data (i32.const 1072) "bad\\0d\\0avalue")
    (global $body (mut i32) (i32.const 0))
    (global $stream (mut i32) (i32.const 0))
    (func $begin (param $out i32) (param $status i32) (param $headers i32) (local $response i32)
      (local.set $response (call $response (local.get $headers)))
      (drop (call $status (local.get $response) (local.get $status)))
      (call $body (local.get $response) (i32.const 0))
      (global.set $body (i32.load (i32.const 4)))
      (call $set (local.get $out) (i32.const 0) (local.get $response) (i32.const 0) (i64.const 0) (i32.const 0))
      (call $outgoing (global.get $body) (i32.const 0))
      (global.set $stream (i32.load (i32.const 4))))
    (func $hello (call $print (global.get $stream) (i32.const 1024) (i32.const 6) (i32.const 0)))
    (func $end
      (call $drop-out (global.get $stream))
      (call $finish (global.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))
    (func $echo (param $request i32) (local $in i32)
      (call $consume (local.get $request) (i32.const 0))
      (call $incoming (i32.load (i32.const 4)) (i32.const 0))
      (local.set $in (i32.load (i32.const 4)))
      (loop $more
        (call $read (local.get $in) (i64.const 4096) (i32.const 0))
        (if (i32.eqz (i32.load8_u (i32.const 0)))
          (then
            (call $print (global.get $stream) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 32))
            (br_if $more (i32.eqz (i32.load8_u (i32.const 32))))))))
    (func $is (param $letter i32) (result i32) (i32.eq (global.get $asked) (local.get $letter)))
    (global $asked (mut i32) (i32.const 0))
    (func (export "handle") (param $request i32) (param $out i32) (local $headers i32) (local $left i32)
      (call $path (local.get $request) (i32.const 0))
      (global.set $asked (i32.load8_u (i32.add (i32.load (i32.const 4)) (i32.const 1))))
      (if (call $is (i32.const CHAR_T)) (then unreachable))
      (if (call $is (i32.const CHAR_L)) (then (loop $ever (br $ever))))
      (if (call $is (i32.const CHAR_S)) (then (call $block (call $after (i64.const 60000000000)))))
      (if (call $is (i32.const CHAR_N)) (then (return)))
      (if (call $is (i32.const CHAR_R)) (then
        (call $set (local.get $out) (i32.const 1) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)) (return)))
      (if (call $is (i32.const CHAR_F)) (then (loop $ever (drop (call $fields)) (br $ever))))
      (if (call $is (i32.const CHAR_G)) (then
        (loop $ever (br_if $ever (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))))
      (if (call $is (i32.const CHAR_O)) (then
        (call $print (call $stdout) (i32.const 1024) (i32.const 6) (i32.const 0))))
      (local.set $headers (call $fields))
      (if (call $is (i32.const CHAR_M)) (then
        (local.set $left (i32.const 200))
        (loop $more
          (call $append (local.get $headers) (i32.const 1040) (i32.const 6)
            (i32.const 1064) (i32.const 1) (i32.const 0))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $more (local.get $left)))))
      (if (call $is (i32.const CHAR_I)) (then
        (call $append (local.get $headers) (i32.const 1040) (i32.const 6)
          (i32.const 1072) (i32.const 10) (i32.const 0))))
      (if (call $is (i32.const CHAR_C)) (then
        (call $append (local.get $headers) (i32.const 1048) (i32.const 14)
          (i32.const 1064) (i32.const 1) (i32.const 0))))
      (call $begin (local.get $out) (select (i32.const 404) (i32.const 200) (call $is (i32.const CHAR_4)))
        (local.get $headers))
      (if (call $is (i32.const CHAR_E)) (then (call $echo (local.get $request)))
        (else (if (call $is (i32.const CHAR_W))
          (then (call $print (global.get $stream) (i32.const 0) (i32.const 4097) (i32.const 0)))
        (else (if (call $is (i32.const CHAR_B))
          (then
            (drop (memory.grow (i32.const 6400)))
            (call $print (global.get $stream) (i32.const 0) (i32.const 400000000) (i32.const 0)))
          (else (call $hello)))))))
      (if (call $is (i32.const CHAR_P)) (then unreachable))
      (if (call $is (i32.const CHAR_H)) (then (call $end) (return)))
      (if (call $is (i32.const CHAR_Z)) (then
        (loop $ever (call $hello) (br_if $ever (i32.eqz (i32.load8_u (i32.const 0)))))))
      (if (call $is (i32.const CHAR_U)) (then (call $block (call $after (i64.const 300000000))) (call $hello)))
      (call $end))
"""


LENGTH = """(call $append (local.get $a) (i32.const 1048) (i32.const 14)
  (i32.const 1064) (i32.const 1) (i32.const 0))"""
"""Gives the fields ``$a`` a content-length, of 9."""


def proxy(code: str = _CODE) -> bytes:
    """The component: ``/h`` says hello, ``/e`` echoes, ``/t`` traps, and so on; or one of another code."""
    return bytes(wasmtime.wat2wasm(HEAD + _lowered() + _module(code) + _lifted() + ")"))


def handling(does: str) -> bytes:
    """A component whose handler does this, with ``$request`` and ``$out``, and with what ``proxy`` has for it."""
    before, _, _ = _CODE.partition("    (func $echo ")
    local = "(local $a i32) (local $b i32) (local $c i32)"
    return proxy(f'{before}(func (export "handle") (param $request i32) (param $out i32) {local} {does})')


def _lowered() -> str:
    lines = []
    for name, (instance, function) in _CALLS.items():
        lines.append(f'  (alias export ${instance} "{function}" (func $c-{name}))')
        lines.append(f"  (core func ${name} (canon lower (func $c-{name}) (memory $mem) (realloc $realloc)))")
    lines += [f"  (core func $drop-{name} (canon resource.drop ${kind}))" for name, kind in _DROPPED.items()]
    return "\n".join(lines)


def _module(code: str) -> str:
    for letter in "TLSNRFGOMIC4EWBPHZU":
        code = code.replace(f"CHAR_{letter})", f"{ord(letter.lower())})")
    imports = ['(import "m" "memory" (memory 4))']
    for name, shape in _SHAPES.items():
        takes, _, gives = shape.partition(">")
        result = f"(result {gives.strip()})" if gives else ""
        imports.append(f'(import "h" "{name}" (func ${name} (param {takes.strip()}) {result}))')
    return "  (core module $guest\n    " + "\n    ".join(imports) + code + ")"


def _lifted() -> str:
    given = " ".join(f'(export "{name}" (func ${name}))' for name in _SHAPES)
    return f"""
  (core instance $h {given})
  (core instance $g (instantiate $guest (with "m" (instance $m)) (with "h" (instance $h))))
  (alias core export $g "handle" (core func $handle))
  (func $lifted (param "request" (own $request)) (param "response-out" (own $param))
    (canon lift (core func $handle) (memory $mem) (realloc $realloc)))
  (instance $handler (export "handle" (func $lifted)))
  (export "wasi:http/incoming-handler@0.2.3" (instance $handler))
"""
