"""A Kafka cluster for the tests: the one that librdkafka has within it. It speaks the protocol over TCP on loopback,
keeps what it is sent, and can be told which error to answer with.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from pathlib import Path

import confluent_kafka

HOST = "127.0.0.1"
PRODUCE = 0
"""A kind of request, by the protocol's number."""
_PRODUCER = 0


class Cluster:
    """One broker, which makes topics that it is asked for."""

    def __init__(self) -> None:
        self._library = _library()
        text = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", text, 512)
        handle = self._library.rd_kafka_new(_PRODUCER, settings, text, 512)
        assert handle, text.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(handle, 1)
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def answer_once(self, request: int, error: int) -> None:
        """With that error, to the next request of that kind."""
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, request, 1, (ctypes.c_int * 1)(error))


@cache
def cluster() -> Cluster:
    """For as long as the tests run."""
    return Cluster()


def advertising(port: int, instead: int) -> tuple[bytes, bytes]:
    """What a broker writes of where it is, and what has to stand there for a way through somebody else."""
    return HOST.encode() + struct.pack(">i", port), HOST.encode() + struct.pack(">i", instead)


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_set.argtypes = [ctypes.c_void_p, *[ctypes.c_char_p] * 3, ctypes.c_size_t]
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
    pushing = library.rd_kafka_mock_push_request_errors_array
    pushing.restype = None
    pushing.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
    return library
