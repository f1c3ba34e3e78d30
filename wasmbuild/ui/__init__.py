"""What a person sees: renderers of events and failures. Only this package and ``cli`` print."""
