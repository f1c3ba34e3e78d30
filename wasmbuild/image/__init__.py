"""Image: a WebAssembly file as a container image, for runtimes that take nothing else.

Not here: where it is pushed (``workflows.image_push``), and how the file is found in an image of anybody's
(``workflows.image_file``).
"""
