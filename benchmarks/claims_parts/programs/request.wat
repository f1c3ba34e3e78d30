;; Makes the request with which every HTTP exchange by WASI 0.2 begins; ends well only if the host lets it.
(component
  (import "wasi:http/types@0.2.0" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))))
  (import "wasi:http/outgoing-handler@0.2.0" (instance $handler))
  (alias export $types "[constructor]fields" (func $headers))
  (alias export $types "[constructor]outgoing-request" (func $request))
  (core func $headers (canon lower (func $headers)))
  (core func $request (canon lower (func $request)))
  (core module $guest
    (import "host" "headers" (func $headers (result i32)))
    (import "host" "request" (func $request (param i32) (result i32)))
    (func (export "run") (result i32) (drop (call $request (call $headers))) (i32.const 0)))
  (core instance $guest (instantiate $guest (with "host" (instance
    (export "headers" (func $headers)) (export "request" (func $request))))))
  (alias core export $guest "run" (core func $started))
  (func $run (result (result)) (canon lift (core func $started)))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
