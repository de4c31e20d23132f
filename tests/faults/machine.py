"""Random calls of all endpoints, alone and at once, with restarts and kills between and inside them: hypothesis."""
# mypy: allow-untyped-decorators, allow-subclassing-any

from __future__ import annotations

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workshop.protocol.exchange import Exchange

from .ddd import Ddd
from .model import Call, Volumes, check, possible, seen

ENDPOINTS = ("Create", "Get", "List", "Path", "Mount", "Unmount", "Remove")
names = strategies.sampled_from(["mango", "pear", "pear.2"])
ids = strategies.sampled_from(["a", "b"])
OPTIONS = ((), (("uid", "4711"),), (("gid", "4712"), ("mode", "1770")), (("mode", "755"),), (("size", "1"),))
options = strategies.just(()) | strategies.sampled_from(OPTIONS)
calls = strategies.builds(Call, strategies.sampled_from(ENDPOINTS), names, ids, options)
changes = strategies.builds(
    Call, strategies.sampled_from(["Create", "Mount", "Unmount", "Remove"]), names, ids, options
)
seldom = strategies.integers(0, 11).map(lambda number: number == 7)


class Machine(RuleBasedStateMachine):
    """ddd beside the model. A subclass names the plugin."""

    ddd: Ddd
    steps = 0
    starts = 0

    def __init__(self) -> None:
        super().__init__()
        self.volumes: Volumes = {}
        self.history: list[object] = []
        self.ddd.wipe()

    def teardown(self) -> None:
        """Show what led to a failure: hypothesis may not come upon it again."""
        if isinstance(sys.exception(), AssertionError):
            print("It failed after", *self.history, sep="\n")

    def one(self, call: Call) -> None:
        """Make a call, and hold its answer against the model."""
        self.volumes = check(self.ddd, self.volumes, call, self.made(call))

    def made(self, call: Call) -> Exchange:
        """Make a call."""
        answer = self.ddd.ask(call.endpoint, call.name, ID=call.mount_id, Opts=dict(call.options) or None)
        self.history.append(answer)
        return answer

    @rule(call=calls)
    def call(self, call: Call) -> None:
        """One call, of any kind."""
        self.one(call)

    @rule(name=names, options=options)
    def create(self, name: str, options: tuple[tuple[str, str], ...]) -> None:
        """More volumes than chance would make."""
        self.one(Call("Create", name, "", options))

    @rule(name=names, mount_id=ids)
    def mount(self, name: str, mount_id: str) -> None:
        """More mounts than chance would make."""
        self.one(Call("Mount", name, mount_id))

    @rule(name=names, mount_id=ids)
    def unmount(self, name: str, mount_id: str) -> None:
        """As many ends of mounts."""
        self.one(Call("Unmount", name, mount_id))

    @rule(name=names, note=strategies.sampled_from(["x", "y"]))
    def write(self, name: str, note: str) -> None:
        """A container writes a file."""
        if name in self.volumes:
            (self.ddd.volume(name) / "data" / "note").write_text(note)
            self.volumes = {**self.volumes, name: self.volumes[name]._replace(note=note)}

    @rule(at_once=strategies.sets(changes, min_size=2, max_size=3))
    def several(self, at_once: set[Call]) -> None:
        """Calls at once: they come out as if made one after the other."""
        self.in_flight(at_once, len(at_once))

    @rule(at_once=strategies.sets(changes, min_size=1, max_size=3), answered=strategies.integers(0, 2), now=seldom)
    def kill_inside(self, at_once: set[Call], answered: int, now: bool) -> None:
        """The plugin is killed with calls in flight, when so many of them are answered."""
        if now:
            self.in_flight(at_once, min(answered, len(at_once) - 1), kill=True)

    @rule(clean=strategies.booleans(), now=seldom)
    def restart(self, clean: bool, now: bool) -> None:
        """The plugin ends, cleanly or by a kill, and is started again."""
        if now:
            self.ddd.stop() if clean else self.ddd.kill()
            self.start()

    def in_flight(self, at_once: set[Call], answered: int, kill: bool = False) -> None:
        """Make calls at once; when so many are answered, the plugin may be killed: the others end in either way."""
        statuses: dict[Call, int | None] = dict.fromkeys(at_once)
        with ThreadPoolExecutor(len(at_once)) as pool:
            running = {pool.submit(self.made, call): call for call in sorted(at_once)}
            for done in itertools.islice(as_completed(running), answered):
                statuses[running[done]] = done.result().status or None
            if kill:
                self.ddd.kill()
            for rest, call in running.items():
                statuses[call] = rest.result().status or None
        if kill:
            self.start()
        found = seen(self.ddd)
        assert found in list(possible(self.volumes, statuses)), (self.volumes, statuses, found)
        self.volumes = found

    def start(self) -> None:
        """Start the plugin; wait until it has cleared what was left."""
        type(self).starts += 1
        self.history.append("a start")
        self.ddd.start().nothing_aside()

    @invariant()
    def the_disk_is_the_model(self) -> None:
        """After every step there is on the disk what the model has, and no more."""
        type(self).steps += 1
        assert seen(self.ddd) == self.volumes
