"""What a recording should not show: the values of options."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from workshop.trace.recording import Call, Message

MASKED = "***"


class Mask:
    """Hides the values of options: in the request that sets them, and in answers that repeat them."""

    names = ("opts", "options")
    short = 4
    """A shorter value is masked in its own place only: "1" is not a secret, and is in many texts."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def __call__(self, call: Call) -> Call:
        """Return a copy of the call without the values of options."""
        masked = dataclasses.replace(call, request=self.request(call.request), answer=self.answer(call.answer))
        return dataclasses.replace(masked, failure=self.hide(call.failure))

    def request(self, message: Message) -> Message:
        """Return a copy with masked options; a body that is not JSON is masked whole: it could hold anything."""
        if not message.body:
            return message
        try:
            value = self.value(json.loads(message.body))
        except (ValueError, RecursionError):
            return dataclasses.replace(message, body=bytearray(MASKED.encode()), size=message.size)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _of_text(message, self.hide(text) + "\n" * message.body.endswith(b"\n"))

    def answer(self, message: Message) -> Message:
        """Return a copy in which no secret that was sent before is left."""
        text = message.text()
        if text is None or not self.secrets:
            return message
        hidden = self.hide(text)
        return message if hidden == text else _of_text(message, hidden)

    def value(self, value: Any, secret: bool = False) -> Any:
        """Return a JSON value with masked options, at any depth, and remember what was masked."""
        if isinstance(value, dict):
            return {key: self.value(each, secret or key.lower() in self.names) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, secret) for each in value]
        if not secret or value is None:
            return value
        if len(str(value)) >= self.short:
            self.secrets |= {str(value), json.dumps(str(value))[1:-1], json.dumps(str(value), ensure_ascii=False)[1:-1]}
        return MASKED

    def hide(self, text: str) -> str:
        """Return text without the secrets; replace the longest first, because one may contain another."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASKED)
        return text


def _of_text(message: Message, text: str) -> Message:
    """Return a copy of a message with another body; one that was cut stays marked as cut."""
    body = bytearray(text.encode("utf-8", "surrogatepass"))
    cut = message.size > len(message.body)
    return dataclasses.replace(message, body=body, size=max(message.size, len(body) + 1) if cut else len(body))
