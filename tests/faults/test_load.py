"""Many callers at once, and many volumes: every answer is right."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Start, on_a_disk
from .ddd import Ddd
from .model import Call, Volume, Volumes, check, seen

pytestmark = pytest.mark.slow

AS_IT_IS_RUN = ["gunicorn", pytest.param("werkzeug", marks=pytest.mark.thorough)]
CLIENTS, CALLS, MANY = 8, 1000, 100_000
MIX = {"Create": 2, "Get": 3, "Path": 1, "Mount": 3, "Unmount": 3, "Remove": 1}


def client(ddd: Ddd, number: int, seed: int) -> tuple[Volumes, int]:
    """Make calls on volumes of this client's own, and hold every answer against the model. In between, mount and
    unmount a volume that all clients share, by the same ID. Return its volumes, and how often it has that one."""
    chance, volumes, shared = random.Random(f"{seed} {number}"), dict[str, Volume](), 0
    for endpoint in chance.choices(list(MIX), list(MIX.values()), k=CALLS):
        name = f"client{number}.{chance.randrange(4)}"
        if endpoint == "Mount" and chance.random() < 0.3:
            ddd.succeeds("Mount", "shared", ID="all")
            shared += 1
        elif endpoint == "Unmount" and shared and chance.random() < 0.3:
            ddd.succeeds("Unmount", "shared", ID="all")
            shared -= 1
        elif chance.random() < 0.02:
            listed = ddd.listed()
            assert [name for name in listed if name.startswith(f"client{number}.")] == sorted(volumes)
            assert "shared" in listed
        else:
            call = Call(endpoint, name, f"id{chance.randrange(2)}")
            volumes = dict(check(ddd, volumes, call, ddd.ask(call.endpoint, call.name, ID=call.mount_id)))
    return volumes, shared


@pytest.mark.parametrize("ddd", AS_IT_IS_RUN, indirect=True)
def test_every_answer_to_eight_clients_is_right(ddd: Ddd, pytestconfig: pytest.Config) -> None:
    ddd.succeeds("Create", "shared")
    with ThreadPoolExecutor(CLIENTS) as pool:
        seed = pytestconfig.getoption("ddd_seed")
        done = list(pool.map(lambda number: client(ddd, number, seed), range(CLIENTS)))
    expected = {name: volume for volumes, _ in done for name, volume in volumes.items()}
    count = sum(shared for _, shared in done)
    assert seen(ddd) == expected | {"shared": Volume("", {"all": count} if count else {})}
    ddd.nothing_aside()


def test_mounts_at_once_are_all_counted(ddd: Ddd) -> None:
    ddd.succeeds("Create")
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: ddd.succeeds("Mount", ID="a"), range(200)))
        assert ddd.state() == {"mango": {"a": 200}}
        list(pool.map(lambda _: ddd.succeeds("Unmount", ID="a"), range(200)))
    ddd.succeeds("Remove")


def test_of_mounts_and_a_remove_at_once_one_or_the_others_are_refused(ddd: Ddd) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(60):
            name = f"mango{number}"
            ddd.succeeds("Create", name)
            removing = pool.submit(ddd.ask, "Remove", name)
            mounting = [pool.submit(ddd.ask, "Mount", name, ID=f"id{client}") for client in range(CLIENTS)]
            mounted = sum(answer.result().ok for answer in mounting)
            assert removing.result().ok == (mounted == 0), (removing.result(), mounted)
            assert len(ddd.state().get(name, {})) == mounted
    ddd.nothing_aside()


@pytest.mark.parametrize("server", AS_IT_IS_RUN)
def test_a_hundred_thousand_volumes(start: Start, server: str) -> None:
    ddd = on_a_disk(start, server, "size=1g,nr_inodes=1m")
    names = [f"mango{number:06}" for number in range(MANY)]
    volumes = os.open(ddd.there / "volumes", os.O_RDONLY)
    for name in names:
        for path, mode in ((name, 0o700), (f"{name}/mounts", 0o700), (f"{name}/data", 0o755)):
            os.mkdir(path, mode, dir_fd=volumes)
    os.close(volumes)
    assert ddd.listed() == names
    for name in (names[0], names[MANY // 2], names[-1]):
        for endpoint in ("Create", "Get", "Mount", "Path", "Unmount", "Remove"):
            ddd.succeeds(endpoint, name, ID="a")
        ddd.refuses("Get", 404, name)
    ddd.succeeds("Create", "fig")
    names = ["fig", *names[1 : MANY // 2], *names[MANY // 2 + 1 : -1]]
    assert ddd.listed() == names
    ddd.nothing_aside()
