"""What many components import without need: file systems without a folder, sockets without a network.

WIT of wasi:filesystem and wasi:sockets 0.2.12. Only how one would come to a folder or a socket is here,
and gives nothing; the rest is never reached, and traps.
"""

from typing import TYPE_CHECKING

from wasmbuild.run.http.compounds import Enum, ListOf, OptionOf, Result, TupleOf
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.streams import IoError
from wasmbuild.run.http.values import STRING, Err, Ignored

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["POWERLESS"]


class _Descriptor:
    """``descriptor``: nobody ever has one."""


class _DirectoryEntryStream:
    """``directory-entry-stream``: nobody ever has one."""


class _Network:
    """``network``: one that leads nowhere."""


class _ResolveAddressStream:
    """``resolve-address-stream``: nobody ever has one."""


class _TcpSocket:
    """``tcp-socket``: nobody ever has one."""


class _UdpSocket:
    """``udp-socket``: nobody ever has one."""


class _IncomingDatagramStream:
    """``incoming-datagram-stream``: nobody ever has one."""


class _OutgoingDatagramStream:
    """``outgoing-datagram-stream``: nobody ever has one."""


def _no_folders(_host: "Host") -> list[object]:
    return []


def _no_code(_host: "Host", _error: IoError) -> None:
    return None


def _network(_host: "Host") -> _Network:
    return _Network()


def _denied(_host: "Host", *_asked: object) -> Err:
    return Err("access-denied")


_FOLDERS = ListOf(TupleOf((Own(_Descriptor), STRING)))

POWERLESS = (
    Interface("wasi:filesystem/preopens", (Function("get-directories", (), _FOLDERS, _no_folders),)),
    Interface(
        "wasi:filesystem/types",
        (Function("filesystem-error-code", (Borrow(IoError),), OptionOf(Enum()), _no_code),),
        (("descriptor", _Descriptor), ("directory-entry-stream", _DirectoryEntryStream)),
    ),
    Interface("wasi:sockets/network", (), (("network", _Network),)),
    Interface("wasi:sockets/instance-network", (Function("instance-network", (), Own(_Network), _network),)),
    Interface(
        "wasi:sockets/tcp-create-socket",
        (Function("create-tcp-socket", (Ignored(),), Result(Own(_TcpSocket), Enum()), _denied),),
    ),
    Interface(
        "wasi:sockets/udp-create-socket",
        (Function("create-udp-socket", (Ignored(),), Result(Own(_UdpSocket), Enum()), _denied),),
    ),
    Interface(
        "wasi:sockets/ip-name-lookup",
        (
            Function(
                "resolve-addresses",
                (Borrow(_Network), STRING),
                Result(Own(_ResolveAddressStream), Enum()),
                _denied,
            ),
        ),
        (("resolve-address-stream", _ResolveAddressStream),),
    ),
    Interface("wasi:sockets/tcp", (), (("tcp-socket", _TcpSocket),)),
    Interface(
        "wasi:sockets/udp",
        (),
        (
            ("udp-socket", _UdpSocket),
            ("incoming-datagram-stream", _IncomingDatagramStream),
            ("outgoing-datagram-stream", _OutgoingDatagramStream),
        ),
    ),
)
