"""The control plane and everything around it in one process: the shipped functions, machines and template.

    with World() as world:
        world.insert("granja")
        world.run()
        assert world.record("granja")["status"] == "ACTIVE"

Virtual time, no sockets, no threads. Every call crosses one point (points.Points), where faults strike.
"""

import atexit
import copy
import heapq
import itertools
import json
import os
import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.faults import clock as clocks
from tests.faults import sdk, template
from tests.faults.clock import Clock, Patches
from tests.faults.delivery import DeadLetters, Poller, Router, Stream, Timer
from tests.faults.files import Files
from tests.faults.functions import Functions, Inline
from tests.faults.interpreter import Execution
from tests.faults.machines import Machines
from tests.faults.messaging import QueueState
from tests.faults.points import Crossing, Fault, Kind, NoAnswer, Points
from tests.faults.refusals import Refused, refusal_of
from tests.faults.site import Site
from tests.faults.state import Seen, Settled, State

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "fluxion",
    "POWERTOOLS_METRICS_NAMESPACE": "Fluxion",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}
NEIGHBOUR = "vecina"
_OTHERS_DISTRIBUTION = "E9STRANGER"
_LONGEST_RUN_SECONDS = 15 * 3600  # longer than the machines' TimeoutSeconds
_A_WHILE_SECONDS = 1200  # longer than the retries of a stream that gives up
_MOST_STEPS = 200_000
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - half of the time is the disk's otherwise

for _name, _value in ENVIRONMENT.items():  # Powertools reads them when it is imported
    os.environ.setdefault(_name, _value)


@dataclass
class Event:
    """Something that happens later, unless it is cancelled."""

    what: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class World(Seen):
    """See the module. Use it as a context manager; one at a time in a process.

    seed: decides jitter and the order of what is due at one moment. settled: state and files of another world, to
    begin with. shuffled: what is due at one moment happens in an order that the seed decides, else in order of asking.
    """

    is_open = False

    def __init__(self, seed: int = 0, *, settled: Settled | None = None, shuffled: bool = False) -> None:
        self.state: State = settled.state() if settled else State.new()
        self.clock = Clock(settled.now if settled else clocks.START)
        self.points = Points()
        self._settled, self._seed = settled, seed
        self._order = random.Random(f"{seed} order") if shuffled else None  # noqa: S311 - reproducible on purpose
        self._events: list[tuple[float, float, int, Event]] = []
        self._numbers = itertools.count()
        self._patches, self._lasting = Patches(), Patches()

    def __enter__(self) -> Self:
        assert not World.is_open, "one world at a time: they replace the same things"
        World.is_open = True
        self.folder = Path(tempfile.mkdtemp(prefix="fluxion-world-", dir=_MEMORY))
        self.tenants_folder, self.scratch = self.folder / "tenants", self.folder / "scratch"
        if self._settled:
            shutil.copytree(self._settled.files, self.tenants_folder)
        else:
            self.tenants_folder.mkdir()
        self.scratch.mkdir()
        self._assemble()
        return self

    def __exit__(self, *_: object) -> None:
        World.is_open = False
        self.functions.forget()
        self._patches.undo()
        self._lasting.undo()
        random.setstate(self._before)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _assemble(self) -> None:
        import tenancy.handlers  # noqa: F401 - before anything of it is patched

        self._before = random.getstate()
        random.seed(self._seed)
        self.files = Files(self._cross_here, lambda: bool(self.functions.current))
        self.files.roots = (str(self.tenants_folder.resolve()), str(self.scratch.resolve()))
        self.functions = Functions(template.functions(), self.points, self.clock, self._adopt)
        self.functions.settings = {
            "TENANTS_DIRECTORY": str(self.tenants_folder.resolve()),
            "SCRATCH_DIRECTORY": str(self.scratch.resolve()),
            "POWERTOOLS_LOG_LEVEL": os.environ["POWERTOOLS_LOG_LEVEL"],
        }
        self.functions.ended = self.files.close_all
        self.machines = Machines(self, self.state.executions, self._seed)
        found = template.sources()
        self.pollers = [Poller(source, self) for source in found.queues]
        self._sources = [
            *(Stream(source, self) for source in found.streams),
            *self.pollers,
            Router(found.rules, self),
        ]
        behind = {queue.dead_letters: queue.arn for queue in template.queues() if queue.dead_letters}
        self._dead_letters = DeadLetters(found.streams, behind, self)
        self.timers = [Timer(schedule, self) for schedule in found.schedules]
        site = Site(
            self._cross_here,
            self.clock,
            lambda: self.state.zone,
            lambda: self.state.cloudfront,
            self.raw_record,
            lambda: self.tenants_folder,
        )
        patches = self._lasting
        clocks.install(patches, self.clock)
        self._adopt()
        sdk.install(patches, self._ask, self.clock)
        sdk.forget_retries()
        self.files.install(patches)
        site.install(patches)

    def _adopt(self) -> None:
        clocks.adopt(self._patches, self.clock, Inline)

    # --- what the parts need of the world -----------------------------------------------------------------------------

    def now(self) -> float:
        return self.clock.now

    def after(self, seconds: float, what: Callable[[], None]) -> Event:
        event, number = Event(what), next(self._numbers)
        rank = self._order.random() if self._order else 0.0
        heapq.heappush(self._events, (self.clock.now + seconds, rank, number, event))
        return event

    def invoke(self, function: str, event: Any) -> Any:
        self._stage = str(event.get("stage", "")) if isinstance(event, Mapping) else ""
        return self.functions.invoke(function, event)

    def queue(self, arn: str) -> QueueState:
        return self.state.queues.at(arn)

    def bus_events(self) -> Sequence[Mapping[str, Any]]:
        return self.state.buses.events

    def put_request(self, params: Mapping[str, Any]) -> None:
        self.state.dynamodb.call("PutItem", params, self.clock.now)

    def lose_request(self, params: Mapping[str, Any]) -> None:
        self.table(params["TableName"]).stream.pop()

    def cross(self, caller: str, service: str, operation: str, effect: Callable[[], Any], **more: Any) -> Any:
        return self.points.cross(caller, service, operation, effect, **more)

    def announce(self, execution: Execution) -> None:
        """AWS tells the default bus of every change of an execution's status."""
        detail = {
            "executionArn": execution.arn,
            "stateMachineArn": execution.machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": int(execution.started * 1000),
            "stopDate": int(execution.stopped * 1000) if execution.stopped else None,
            "input": json.dumps(execution.input),
            "output": json.dumps(execution.output) if execution.status == "SUCCEEDED" else None,
            "error": execution.error,
            "cause": execution.cause,
        }
        self.state.buses.put("default", "aws.states", "Step Functions Execution Status Change", detail, self.clock.now)

    @property
    def _caller(self) -> str:
        """The function that runs, and for which state if it is one that states call."""
        name = self.functions.current.removeprefix("fluxion-")
        return f"{name}.{self._stage}" if self._stage else name

    def _cross_here(self, service: str, operation: str, effect: Callable[[], Any], **more: Any) -> Any:
        return self.points.cross(self._caller, service, operation, effect, **more)

    def _ask(self, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the SDK's clients ask."""

        def refusal(what: str, message: str) -> Exception:
            if what in (Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER):
                return NoAnswer(what)
            return refusal_of(service, what, message, len(params.get("TransactItems", ())))

        answer: Callable[[], dict[str, Any]] = lambda: self._service(service)(operation, params, self.clock.now)  # noqa: E731
        if not self.functions.current:
            return answer()
        try:
            return self._cross_here(service, operation, answer, detail=_detail(params), refusal=refusal)  # type: ignore[no-any-return]
        except Refused as refused:
            if partial := _PARTIAL.get((operation, refused.code)):
                return partial(params)
            raise

    def _service(self, name: str) -> Callable[[str, Mapping[str, Any], float], dict[str, Any]]:
        state = self.state
        return {
            "dynamodb": state.dynamodb.call,
            "route53": state.zone.call,
            "s3": state.buckets.call,
            "cloudfront": state.cloudfront.call,
            "sns": state.topics.call,
            "sqs": state.queues.call,
            "events": state.buses.call,
            "secretsmanager": state.secrets.call,
            "stepfunctions": self.machines.call,
        }[name]

    # --- time ---------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """The next thing that is due happens. False if there is nothing."""
        for source in self._sources:
            source.look()
        while self._events:
            at, _, _, event = heapq.heappop(self._events)
            if not event.is_cancelled:
                self.clock.now = max(self.clock.now, at)
                event.what()
                return True
        return False

    def next_at(self) -> float | None:
        """When the next thing is due, if anything is."""
        for source in self._sources:
            source.look()
        while self._events and self._events[0][3].is_cancelled:
            heapq.heappop(self._events)
        return self._events[0][0] if self._events else None

    def run(self, seconds: float = _LONGEST_RUN_SECONDS) -> None:
        """Let everything happen until nothing is due within so many seconds. Schedules do not go: see ``tick``."""
        until = self.clock.now + seconds
        for _ in range(_MOST_STEPS):
            at = self.next_at()
            if at is None or at > until:
                return
            self.step()
        raise AssertionError(f"the world does not come to rest: {self.machines.running}")

    def rest(self) -> None:
        """Let everything happen until no execution runs, and a while longer: what is tried for ever goes on trying."""
        self.run(_A_WHILE_SECONDS)
        while self.machines.running:
            at = self.next_at()
            assert at is not None, f"nothing will ever happen to {self.machines.running}"
            self.run(max(at - self.clock.now, _A_WHILE_SECONDS))

    def tick(self) -> None:
        """Every schedule goes once, at its time."""
        for timer in self.timers:
            self.run(timer.schedule.seconds)
            self.clock.now += timer.schedule.seconds
            timer.fire()

    def offboard(self, tenant_id: str) -> None:
        """A person starts the machine for tenants whose item is gone."""
        machine = next(each.arn for each in template.machines() if each.name.endswith("OffboardTenant"))
        name = f"{tenant_id}-by-hand-{len(self.executions(tenant_id))}"
        given = json.dumps({"tenant_id": tenant_id})
        self.machines.call("StartExecution", {"stateMachineArn": machine, "name": name, "input": given}, self.clock.now)

    def dead_letters(self) -> list[str]:
        """Queues of last resort that hold something: each has an alarm."""
        worked_off = {poller.source.queue for poller in self.pollers}
        found = [queue for arn, queue in self.state.queues.by_arn.items() if queue.messages and arn not in worked_off]
        return [queue.arn.rpartition(":")[2] for queue in found]

    def replay(self) -> None:
        """A person has removed the cause, and has everything done after all that waits in queues of last resort."""
        for name in self.dead_letters():
            self._dead_letters.replay(self.state.queues.at(name))

    # --- faults -------------------------------------------------------------------------------------------------------

    def strike(self, *faults: Fault) -> None:
        """From now on these happen."""
        self.points.faults.extend(faults)

    def lift(self) -> None:
        """No fault any more."""
        self.points.faults.clear()

    @property
    def trace(self) -> list[Crossing]:
        """Every call so far."""
        return self.points.trace

    def settle(self) -> Settled:
        """This world's state and files, to begin others with. Nothing may be under way."""
        assert not self.machines.running
        home = Path(tempfile.mkdtemp(prefix="fluxion-settled-", dir=_MEMORY))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        folder = home / "tenants"
        shutil.copytree(self.tenants_folder, folder)
        return Settled(pickle.dumps(self.state), folder, self.clock.now)


def populated() -> Settled:
    """A world that is not ours alone: a live neighbour, and what strangers have in the same systems."""
    with World() as world:
        world.insert(NEIGHBOUR)
        world.run()
        assert world.record(NEIGHBOUR)["status"] == "ACTIVE", world.record(NEIGHBOUR)
        zone, cloudfront = world.state.zone, world.state.cloudfront
        zone.put(f"correo.{template.BASE}", "A", "192.0.2.7")
        zone.put(template.BASE, "MX", "10 correo.example.net")
        cloudfront.attach_elsewhere(_OTHERS_DISTRIBUTION, f"tienda-ajena.{template.BASE}")
        (world.tenants_folder / "LEAME.txt").write_text("not ours")
        stranger = world.tenants_folder / "ajena"
        stranger.mkdir()
        (stranger / "notas.duckdb").write_text("somebody's only copy")
        world.state.topics.mails.clear()
        return world.settle()


def _detail(params: Mapping[str, Any]) -> str:
    """What a request is about, in a few words."""
    if "TransactItems" in params:
        keys = [each.get("Key") or each.get("Item") for one in params["TransactItems"] for each in one.values()]
        return " + ".join(filter(None, (_sort_key(key) for key in keys)))
    if "RequestItems" in params:
        return ", ".join(params["RequestItems"])
    if "InvalidationBatch" in params:
        return str(params["InvalidationBatch"]["CallerReference"])
    if "Bucket" in params:
        return str(params["Key"])
    key = params.get("Key") or params.get("Item")
    return f"{params['TableName']} {_sort_key(key)}" if key else str(params.get("StartRecordName", ""))


def _sort_key(key: Mapping[str, Any]) -> str:
    found = key.get("sk") or key.get("tenant_id") or {}
    return str(found.get("S", ""))


def _unprocessed(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"UnprocessedItems": copy.deepcopy(dict(params["RequestItems"]))}


def _unread(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"Responses": {}, "UnprocessedKeys": copy.deepcopy(dict(params["RequestItems"]))}


def _not_put(params: Mapping[str, Any]) -> dict[str, Any]:
    failed = [{"ErrorCode": "InternalFailure", "ErrorMessage": "Unexpected."} for _ in params["Entries"]]
    return {"FailedEntryCount": len(failed), "Entries": failed}


# Answers that are no error, and yet not all is done.
_PARTIAL: dict[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    ("BatchWriteItem", "Unprocessed"): _unprocessed,
    ("BatchGetItem", "Unprocessed"): _unread,
    ("PutEvents", "Unprocessed"): _not_put,
}
