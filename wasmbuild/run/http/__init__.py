"""A host for WASI HTTP: components that export ``wasi:http/incoming-handler`` answer requests, in our sandbox."""
