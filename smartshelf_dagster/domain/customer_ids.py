"""What customers are called in everything that is made from raw events: HMAC-SHA256, with a salt.

Belongs here: keys that follow from the salt, and the rule as code has it. Does not belong here: the
one place where it is applied, the macro `published_customer` in the dbt project; a test holds both
together.
"""

import hashlib
import hmac

_BLOCK_BYTES = 64
_INNER, _OUTER = 0x36, 0x5C
_CHECKED = b"smartshelf customer ids"


def pseudonym(salt: str, customer_id: str) -> str:
    """Return what a customer is called instead of the id of the tills.

    >>> len(pseudonym("a salt that nobody guesses", "C1"))
    64
    """
    return hmac.new(salt.encode(), customer_id.encode(), hashlib.sha256).hexdigest()


def hmac_keys(salt: str) -> dict[str, str]:
    """Return the two keys of HMAC that follow from a salt (RFC 2104), as hexadecimal digits."""
    key = salt.encode()
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    return {
        "customer_key_inner": bytes(byte ^ _INNER for byte in padded).hex(),
        "customer_key_outer": bytes(byte ^ _OUTER for byte in padded).hex(),
    }


def salt_check(salt: str | None) -> str:
    """Return what tells salts apart, and not what they are; empty for none."""
    return hmac.new(salt.encode(), _CHECKED, hashlib.sha256).hexdigest() if salt else ""
