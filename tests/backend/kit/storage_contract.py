"""What every object store must do; run on each by a subclass that brings the fixture `store`."""

import asyncio
import secrets

import pytest

from backend.kit.storage import MAX_KEY_LENGTH, ObjectMissing, ObjectStore

BAD_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".incoming/a",
    "a/.b",
    "A",
    "a b",
    "a\0b",
    "a\\b",
    "a@",
    "ä",
    "a\n",
    "a" * 201,
    "a/" * (MAX_KEY_LENGTH // 2) + "a",
]
BAD_PREFIXES = ["..", "../", "/a", "a//", "a/.", ".incoming", "A", "a\0"]


async def keys_of(store: ObjectStore, prefix: str) -> set[str]:
    return {key async for key in store.list(prefix)}


class ObjectStoreContract:
    """Subclasses provide the fixture `store`, empty."""

    async def test_what_was_put_is_got(self, store: ObjectStore) -> None:
        data = secrets.token_bytes(300_000)
        await store.put("communities/1/photo.bin", data)
        assert await store.get("communities/1/photo.bin") == data
        assert await store.exists("communities/1/photo.bin")

    async def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        await store.put("empty", b"")
        assert await store.get("empty") == b""
        assert await store.exists("empty")

    async def test_a_second_put_replaces_the_first(self, store: ObjectStore) -> None:
        await store.put("a/b", b"long first version")
        await store.put("a/b", b"second")
        assert await store.get("a/b") == b"second"
        assert await keys_of(store, "") == {"a/b"}

    async def test_a_missing_object_is_reported_as_missing(self, store: ObjectStore) -> None:
        await store.put("a/b", b"x")
        for key in ("b", "a", "a/c", "a/b/c"):
            assert not await store.exists(key)
            with pytest.raises(ObjectMissing):
                await store.get(key)

    async def test_deleted_is_gone_and_deleting_again_is_no_error(self, store: ObjectStore) -> None:
        await store.put("a/b", b"one")
        await store.put("a/b", b"two")
        await store.put("a/bc", b"stays")
        await store.delete("a/b")
        await store.delete("a/b")
        await store.delete("never/was")
        assert not await store.exists("a/b")
        with pytest.raises(ObjectMissing):
            await store.get("a/b")
        assert await keys_of(store, "") == {"a/bc"}
        assert await store.get("a/bc") == b"stays"

    async def test_all_below_a_prefix_is_gone_and_nothing_beside_it(self, store: ObjectStore) -> None:
        for key in ("p/1/a", "p/1/b/c", "p/1/b/d", "p/12/a", "p/2/a", "p/1", "q/a"):
            await store.put(key, b".")
        assert await store.delete_under(["p/1/", "p/2/", "p/3/", "none/at/all/"]) == {
            "p/1/": 3,
            "p/2/": 1,
            "p/3/": 0,
            "none/at/all/": 0,
        }
        assert await keys_of(store, "") == {"p/12/a", "p/1", "q/a"}
        assert await store.delete_under(["p/1/", "p/2/"]) == {"p/1/": 0, "p/2/": 0}
        assert await store.delete_under([]) == {}

    @pytest.mark.parametrize("prefix", ["", "p", "p/1", "/", "../", "a//"])
    async def test_what_may_end_within_a_name_is_no_prefix_to_remove_under(
        self, store: ObjectStore, prefix: str
    ) -> None:
        await store.put("p/1/a", b".")
        with pytest.raises(ValueError, match=r"prefix|begins so"):
            await store.delete_under(["p/1/", prefix])
        assert await keys_of(store, "") == {"p/1/a"}

    async def test_put_after_delete_is_there(self, store: ObjectStore) -> None:
        await store.put("a", b"one")
        await store.delete("a")
        await store.put("a", b"two")
        assert await store.get("a") == b"two"

    async def test_a_key_may_be_the_folder_of_another(self, store: ObjectStore) -> None:
        await store.put("a", b"1")
        await store.put("a/b", b"2")
        await store.put("a/b/c", b"3")
        assert [await store.get(key) for key in ("a", "a/b", "a/b/c")] == [b"1", b"2", b"3"]
        await store.delete("a/b")
        assert await keys_of(store, "") == {"a", "a/b/c"}

    async def test_listing_is_by_prefix_and_not_by_folder(self, store: ObjectStore) -> None:
        for key in ("p/1/x", "p/1/y", "p/12/x", "p/2", "q"):
            await store.put(key, b".")
        assert await keys_of(store, "") == {"p/1/x", "p/1/y", "p/12/x", "p/2", "q"}
        assert await keys_of(store, "p/1") == {"p/1/x", "p/1/y", "p/12/x"}
        assert await keys_of(store, "p/1/") == {"p/1/x", "p/1/y"}
        assert await keys_of(store, "p/3") == set()
        assert await keys_of(store, "none/at/all") == set()

    async def test_listing_goes_on_past_one_page(self, store: ObjectStore) -> None:
        wanted = {f"many/{number:04d}" for number in range(1100)}
        for start in range(0, 1100, 100):
            await asyncio.gather(*(store.put(key, b".") for key in sorted(wanted)[start : start + 100]))
        assert await keys_of(store, "many/") == wanted

    async def test_concurrent_puts_leave_one_whole_object(self, store: ObjectStore) -> None:
        versions = [bytes([number]) * 200_000 for number in range(8)]
        await asyncio.gather(*(store.put("same/key", version) for version in versions))
        assert await store.get("same/key") in versions

    async def test_puts_and_deletes_in_one_folder_do_not_disturb_each_other(self, store: ObjectStore) -> None:
        async def turn(key: str) -> None:
            for _ in range(10):
                await store.put(key, b"x")
                await store.delete(key)
            await store.put(key, b"last")

        keys = {f"folder/{number}" for number in range(8)}
        await asyncio.gather(*(turn(key) for key in keys))
        assert await keys_of(store, "folder/") == keys

    async def test_a_key_that_could_lead_elsewhere_is_refused(self, store: ObjectStore) -> None:
        for key in BAD_KEYS:
            for call in (store.get(key), store.put(key, b"x"), store.delete(key), store.exists(key)):
                with pytest.raises(ValueError, match="an object's key has the form"):
                    await call

    async def test_a_prefix_that_could_lead_elsewhere_is_refused(self, store: ObjectStore) -> None:
        for prefix in BAD_PREFIXES:
            with pytest.raises(ValueError, match="no object's key begins so"):
                await keys_of(store, prefix)
