"""WeCom posting to a channel's door: sealed and signed here a second time, from its description."""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.test import Client

TOKEN, KEY = "callback-token", base64.b64encode(bytes(range(32))).decode()[:43]


def sealed(text: bytes, corp: str = "ww1", key: str = KEY) -> str:
    """A text as WeCom seals it."""
    secret = base64.b64decode(key + "=")
    plain = b"0123456789abcdef" + struct.pack(">I", len(text)) + text + corp.encode()
    left = 32 - len(plain) % 32
    made = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).encryptor()
    return base64.b64encode(made.update(plain + bytes([left]) * left) + made.finalize()).decode()


def query(cipher: str, token: str = TOKEN) -> dict[str, str]:
    """What stands in the address of a post, with its signature."""
    text = "".join(sorted([token, "1700000000", "n1", cipher]))
    return {
        "timestamp": "1700000000",
        "nonce": "n1",
        "msg_signature": hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
    }


def post(door: str, cipher: str, asked: dict[str, str] | None = None) -> int:
    """Post a sealed document to a channel's door; the status of the answer."""
    body = f"<xml><ToUserName>ww1</ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>"
    return raw(door, body.encode(), asked or query(cipher))


def raw(door: str, body: bytes, asked: dict[str, str]) -> int:
    """Post any bytes to a channel's door; the status of the answer."""
    return Client().post(f"/in/{door}/", body, content_type="text/xml", query_params=asked).status_code
