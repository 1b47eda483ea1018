"""What WeCom posts to us (回调): signed with a token, encrypted with a key, XML inside XML.

As WeCom describes it: the signature is SHA-1 over token, timestamp, nonce and ciphertext in sorted order; the cipher AES-256-CBC whose
first block of the key is its vector; the text 16 random bytes, its length in 4 bytes, itself, then the id of the company it is for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.utils.translation import gettext as _

# WeCom's posts are well below a kilobyte.
_MOST_BYTES = 65_536
_KEY_LETTERS = 43
_PADDED_TO = 32


def key_of(encoded: str) -> bytes:
    """The 32 bytes of an EncodingAESKey. Raises ValueError for what is none."""
    try:
        found = base64.b64decode(encoded + "=", validate=True) if len(encoded) == _KEY_LETTERS else b""
    except binascii.Error:
        found = b""
    if len(found) != _PADDED_TO:
        raise ValueError(
            _("The EncodingAESKey has 43 letters and digits, as WeCom shows it; this one has %(n)s.")
            % {"n": len(encoded)}
        )
    return found


def opened(body: bytes, query: Mapping[str, str], *, token: str, key: str, corp_id: str) -> bytes:
    """The document that a post carries, once its signature is right. Raises ValueError for anything that WeCom did not sign for this
    company."""
    if len(body) > _MOST_BYTES:
        raise ValueError("too long")
    return unsealed(fields_of(body).get("Encrypt", ""), query, token=token, key=key, corp_id=corp_id)


def unsealed(sealed: str, query: Mapping[str, str], *, token: str, key: str, corp_id: str) -> bytes:
    """What a ciphertext says, once its signature is right. Raises ValueError."""
    parts = sorted([token, query.get("timestamp", ""), query.get("nonce", ""), sealed])
    right = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    given = query.get("msg_signature", "").encode()
    if not token or not sealed or not hmac.compare_digest(right.encode(), given):
        raise ValueError("the signature does not fit the token")
    secret = key_of(key)
    try:
        raw = base64.b64decode(sealed, validate=True)
        cipher = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).decryptor()
        plain = cipher.update(raw) + cipher.finalize()
    except ValueError as error:
        raise ValueError("the ciphertext is broken") from error
    padding = plain[-1] if plain else 0
    length = int.from_bytes(plain[16:20], "big")
    said, receiver = plain[20 : 20 + length], plain[20 + length : len(plain) - padding]
    if not 1 <= padding <= _PADDED_TO or receiver.decode("utf-8", "replace") != corp_id:
        raise ValueError("it is not for this company, or the key is another one's")
    return said


def fields_of(xml: bytes) -> dict[str, str]:
    """The texts of an XML document's first level by name. Raises ValueError for what is none."""
    found: dict[str, str] = {}
    for path, said in _leaves(xml):
        if len(path) == 2:
            found[path[1]] = found.get(path[1], "") + said
    return {name: value.strip() for name, value in found.items()}


def answers_of(xml: bytes) -> dict[str, str]:
    """What was chosen from the lists of a card: the first option of each question, by the question's key. Raises ValueError."""
    found: dict[str, str] = {}
    question = ""
    for path, said in _leaves(xml):
        if path[-1] == "QuestionKey":
            question = said.strip()
        elif path[-1] == "OptionId" and said.strip():
            found.setdefault(question, said.strip())
    return found


def _leaves(xml: bytes) -> list[tuple[tuple[str, ...], str]]:
    """Every text of a document with the names above it, in their order; a document type is refused, so that no entity is ever defined
    or fetched. Raises ValueError."""
    found: list[tuple[tuple[str, ...], str]] = []
    path: list[str] = []

    def begin(name: str, _attributes: dict[str, str]) -> None:
        path.append(name)

    def end(_name: str) -> None:
        path.pop()

    def text(said: str) -> None:
        found.append((tuple(path), said))

    def refuse(*_told: object) -> None:
        raise ValueError("a document type is not taken")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ValueError("no XML") from error
    return found
