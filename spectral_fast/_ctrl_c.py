"""Ctrl-C that waits for what is nearly done."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["waiting_ctrl_c"]


@contextlib.contextmanager
def waiting_ctrl_c() -> Iterator[list[int]]:
    """Hold back the first Ctrl-C; a second one ends the block as ever.

    Gives a list that is empty until Ctrl-C is pressed. Nothing is held back in another thread
    than the main one, which alone gets signals, nor where a program handles Ctrl-C by itself.
    """
    pressed: list[int] = []
    handler = signal.default_int_handler
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not handler:
        yield pressed
        return

    def wait(number: int, frame: Any) -> None:
        pressed.append(number)
        signal.signal(number, handler)

    signal.signal(signal.SIGINT, wait)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, handler)
