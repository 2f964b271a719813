"""What every KeyWrapper must do: one base of tests, for the file and for the key service."""

import os

import pytest

from backend.keys.errors import WrappingRefused
from backend.keys.wrapping import KeyWrapper

__all__ = ["KeyWrapperContract"]


class KeyWrapperContract:
    """Subclasses give fixtures `wrapper`, and `stranger`: of the same kind, with another master key."""

    async def test_what_was_wrapped_unwraps_to_the_same_key(self, wrapper: KeyWrapper) -> None:
        key = os.urandom(32)
        wrapped = await wrapper.wrap(key, context="wrapping-key/a/1")
        assert key not in wrapped
        assert await wrapper.unwrap(wrapped, context="wrapping-key/a/1") == key

    async def test_wrapping_twice_gives_two_ciphertexts(self, wrapper: KeyWrapper) -> None:
        key = os.urandom(32)
        assert await wrapper.wrap(key, context="secret/a") != await wrapper.wrap(key, context="secret/a")

    async def test_another_context_is_refused(self, wrapper: KeyWrapper) -> None:
        wrapped = await wrapper.wrap(os.urandom(32), context="wrapping-key/a/1")
        for context in ("wrapping-key/a/2", "wrapping-key/b/1", ""):
            with pytest.raises(WrappingRefused):
                await wrapper.unwrap(wrapped, context=context)

    async def test_another_master_key_is_refused(self, wrapper: KeyWrapper, stranger: KeyWrapper) -> None:
        wrapped = await wrapper.wrap(os.urandom(32), context="secret/a")
        with pytest.raises(WrappingRefused):
            await stranger.unwrap(wrapped, context="secret/a")

    async def test_changed_and_cut_off_bytes_are_refused(self, wrapper: KeyWrapper) -> None:
        wrapped = await wrapper.wrap(os.urandom(32), context="secret/a")
        for broken in (wrapped[:-1], wrapped[:20], bytes([wrapped[0] ^ 1]) + wrapped[1:], os.urandom(60)):
            with pytest.raises(WrappingRefused):
                await wrapper.unwrap(broken, context="secret/a")

    async def test_a_refusal_names_no_key(self, wrapper: KeyWrapper, stranger: KeyWrapper) -> None:
        key = os.urandom(32)
        wrapped = await wrapper.wrap(key, context="secret/a")
        with pytest.raises(WrappingRefused) as refused:
            await stranger.unwrap(wrapped, context="secret/a")
        assert key.hex() not in repr(refused.value)
        assert wrapped.hex() not in repr(refused.value)
