"""What images of WebAssembly are told by: media types, an annotation, and the name of a file."""

from typing import Literal, get_args

__all__ = ["DOCKER_CONFIG", "DOCKER_LAYER", "FORMS", "IMAGE_CONFIG", "IMAGE_LAYER", "PLUGIN", "VARIANT", "ImageForm"]

IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
VARIANT = "module.wasm.image/variant"
"""The manifest's annotation by which crun knows what is for its WebAssembly engine."""
PLUGIN = "plugin.wasm"
"""The one name that Istio looks for; all others run what the entrypoint names."""

ImageForm = Literal["compat", "shim"]
FORMS: tuple[ImageForm, ...] = get_args(ImageForm)
