;; ROT13: reads standard input, turns each letter by 13 places, writes standard output.
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param $fd i32) (param $vectors i32) (param $count i32) (param $read i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param $code i32)))

  ;; 0: a vector (address, length); 8: bytes read; 12: bytes written; 1024: the buffer
  (memory (export "memory") 1)
  (global $vector i32 (i32.const 0))
  (global $read i32 (i32.const 8))
  (global $written i32 (i32.const 12))
  (global $buffer i32 (i32.const 1024))
  (global $size i32 (i32.const 4096))

  (func $main (export "_start")
    (local $length i32)
    (loop $next
      (local.set $length (call $fill))
      (if (local.get $length)
        (then
          (call $turn_all (local.get $length))
          (call $flush (local.get $length))
          (br $next)))))

  ;; Read into the buffer; 0 at the end of input.
  (func $fill (result i32)
    (i32.store (global.get $vector) (global.get $buffer))
    (i32.store offset=4 (global.get $vector) (global.get $size))
    (call $check
      (call $fd_read (i32.const 0) (global.get $vector) (i32.const 1) (global.get $read)))
    (i32.load (global.get $read)))

  ;; Write the first bytes of the buffer, in as many pieces as it takes.
  (func $flush (param $length i32)
    (i32.store (global.get $vector) (global.get $buffer))
    (loop $more
      (i32.store offset=4 (global.get $vector) (local.get $length))
      (call $check
        (call $fd_write (i32.const 1) (global.get $vector) (i32.const 1) (global.get $written)))
      (i32.store (global.get $vector)
        (i32.add (i32.load (global.get $vector)) (i32.load (global.get $written))))
      (local.set $length (i32.sub (local.get $length) (i32.load (global.get $written))))
      (br_if $more (local.get $length))))

  ;; End with code 1 when a call failed.
  (func $check (param $error i32)
    (if (local.get $error)
      (then (call $proc_exit (i32.const 1)))))

  (func $turn_all (param $length i32)
    (local $at i32)
    (local $end i32)
    (local.set $at (global.get $buffer))
    (local.set $end (i32.add (global.get $buffer) (local.get $length)))
    (loop $next
      (i32.store8 (local.get $at) (call $turn (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))

  ;; A letter turned by 13 places; anything else as it is.
  (func $turn (param $byte i32) (result i32)
    (local $place i32)
    ;; In ASCII, bit 5 is all that tells lower case from upper case.
    (local.set $place
      (i32.sub (i32.or (local.get $byte) (i32.const 0x20)) (i32.const 0x61)))
    (if (result i32) (i32.ge_u (local.get $place) (i32.const 26))
      (then (local.get $byte))
      (else
        (i32.add
          (i32.sub (local.get $byte) (local.get $place))
          (i32.rem_u (i32.add (local.get $place) (i32.const 13)) (i32.const 26)))))))
