"""The options that make container images of what is pushed."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from wasmbuild.cli.common import option
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from wasmbuild.image.names import ImageForm
    from wasmbuild.workflows.image_push import ImageWish

__all__ = ["imaging"]


def imaging(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options, as one argument ``image``."""

    @option("--image", is_flag=True, help="Push a container image in place of the artifact.")
    @option("--also-image", is_flag=True, help="Push one beside it, under each TAG with -image or -shim after it.")
    @option(
        "--image-form",
        type=click.Choice(["compat", "shim"]),
        multiple=True,
        help="For crun, shims and Istio, or for shims alone; may be given again. [default: compat]",
    )
    @functools.wraps(function)
    def call(*arguments: Any, image: bool, also_image: bool, image_form: "tuple[ImageForm, ...]", **values: Any) -> Any:  # noqa: ANN401
        return function(*arguments, image=_wish(image_form, only=image, beside=also_image), **values)

    return call


def _wish(forms: "tuple[ImageForm, ...]", *, only: bool, beside: bool) -> "ImageWish | None":
    """What is wanted, if anything. Raises UsageFailed."""
    if only and beside:
        raise UsageFailed(
            "--image and --also-image do not go together",
            cause="the image is pushed in place of the artifact, or beside it",
        )
    if not only and not beside:
        if forms:
            raise UsageFailed(
                "--image-form says what an image is, and none is asked for",
                hint="wasmbuild push REFERENCE --also-image --image-form shim",
            )
        return None
    if only and len(forms) > 1:
        raise UsageFailed(
            "one image takes the place of the artifact, not several",
            hint="wasmbuild push REFERENCE --also-image --image-form compat --image-form shim",
        )
    from wasmbuild.workflows.image_push import ImageWish

    return ImageWish(tuple(dict.fromkeys(forms or ("compat",))), beside)
