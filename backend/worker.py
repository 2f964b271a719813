"""The worker: what happens without anybody asking. Wiring only; the jobs live in their nouns.

Every worker carries out queued jobs. One of them, whoever holds the lead, also does what is due by the clock. Nothing
here is remembered in the process: one that is killed is replaced by any other, which finds in the database what is
left to do.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings

from backend.access import service as access
from backend.accounts.number import desk as numbers
from backend.audit.signing import sign_heads
from backend.couriers import settling as couriers
from backend.doors.plans import service as plans
from backend.enrolment import service as enrolment
from backend.enrolment.calibration import service as calibration
from backend.enrolment.faces import load_engine
from backend.enrolment.models.job import ModelChanges
from backend.enrolment.register import service as register_photos
from backend.enrolment.register.imports import job as photo_imports
from backend.enrolment.register.imports.service import JOB as PHOTO_IMPORT
from backend.gates.frames import service as frames
from backend.guardians.rules import Recapture
from backend.health import watermark
from backend.households.imports import service as imports
from backend.households.imports.running import Runner as ImportRunner
from backend.households.notices import service as notices
from backend.keys import rotation
from backend.kit import logging, metrics
from backend.kit.clock import Clock, utc_now
from backend.kit.db import Database, Scope
from backend.kit.ending import Bounded
from backend.kit.leading import leading, pause
from backend.kit.outgoing import Outgoing
from backend.kit.problems import Unavailable
from backend.kit.together import Together
from backend.kit.tracing import traced_job, tracing
from backend.measures.service import EVERY_S, Gauges
from backend.notifications import service as notifications
from backend.notifications.push import Push, PushService
from backend.notifications.sending.service import Sending
from backend.notifications.sending.service import enqueue_due as enqueue_due_notifications
from backend.partners.publishing import publish
from backend.partners.webhooks.rules import JOB as WEBHOOK
from backend.partners.webhooks.sending.service import Webhooks
from backend.partners.webhooks.sending.service import enqueue_due as enqueue_due_webhooks
from backend.privacy import imported
from backend.privacy import jobs as privacy
from backend.privacy import service as erasing
from backend.privacy.forgetting.service import forget_pass_names
from backend.privacy.holds import release as holds
from backend.privacy.retention import jobs as retention
from backend.privacy.saga import MOST_TOGETHER, Saga
from backend.privacy.wards.jobs import GrowingUp
from backend.resources import Resources, open_resources
from backend.settings import Settings
from backend.visitors import service as visitors

__all__ = ["END_S", "main", "run"]

_log = structlog.get_logger(__name__)

LEAD = "doorward worker"
# How long a job of a killed worker waits before another takes it over. Its jobs may be repeated and may run twice at
# once, so this is as short as a busy process can keep up with.
_HEARTBEAT = timedelta(seconds=6)
_BATCH = 50
#: Seconds that jobs have to end after SIGTERM.
END_S = 15
# One may wait for a store or a carrier of messages while the next goes on.
_BATCHES_OF_ERASURES = 2
_RETRY_S = 1.0
_WATCH_S = 2.0
_TICK = 500
# What a lost database raises on a connection of one's own.
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, Unavailable)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then end what is under way, or put it back after :data:`END_S`, and return.

    Raises:
        SettingsRefused: an address is missing, or leads to no database that takes us.
    """
    logging.configure(settings.log_level)
    asyncio.run(main(settings))


async def main(settings: Settings, *, clock: Clock = utc_now, stop: asyncio.Event | None = None) -> None:
    """Work until ``stop``, or until a signal asks for the end where none is given."""
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        tracing("worker", url=settings.traces_url, share=settings.traces_share),
        open_resources(settings, process="worker") as resources,
        aclosing(Outgoing()) as outgoing,
    ):
        push = PushService(outgoing, pepper=resources.pepper, contact=settings.push_contact_or_default, clock=clock)
        _log.info("worker-started")
        await resources.schema.remind()
        bounded = Bounded(stop, seconds=END_S)
        async with bounded.watching(), asyncio.TaskGroup() as tasks:
            tasks.create_task(_work(resources, push, outgoing, clock, stop, bounded, settings))
            tasks.create_task(_lead(resources, clock, stop, bounded, settings))
            tasks.create_task(_measure(resources, clock, stop, settings.metrics_port))
    _log.info("worker-stopped")


async def _work(
    resources: Resources,
    push: Push,
    outgoing: Outgoing,
    clock: Clock,
    stop: asyncio.Event,
    bounded: Bounded,
    settings: Settings,
) -> None:
    """Carry out queued jobs, over a new connection whenever one is lost."""
    sending = Sending(resources.db, resources.sender, push, clock)

    async def send_notification(job: Job) -> None:
        person_id, notification_id = map(UUID, (job.payload or b"").decode("ascii").split("/"))
        await sending.send(person_id=person_id, notification_id=notification_id)

    webhooks = Webhooks(resources.db, outgoing, pepper=resources.pepper, clock=clock)

    async def send_webhooks(job: Job) -> None:
        partner_id, endpoint_id = map(UUID, (job.payload or b"").decode("ascii").split("/"))
        await webhooks.send(partner_id=partner_id, endpoint_id=endpoint_id)

    saga = Saga(
        resources.db, resources.keys, resources.objects, clock, sender=resources.sender, public_url=settings.public_url
    )

    erasures = Together(saga.resume_all, most=MOST_TOGETHER, at_once=_BATCHES_OF_ERASURES)

    async def erase(job: Job) -> None:
        await erasures.do(UUID((job.payload or b"").decode("ascii")))

    async def read_photos(job: Job) -> None:
        community_id, import_id = map(UUID, (job.payload or b"").decode("ascii").split("/"))
        await photo_imports.read_archive(
            resources.db,
            resources.keys,
            resources.objects,
            partial(load_engine, settings.model_pack, settings.models_dir),
            community_id=community_id,
            import_id=import_id,
            clock=clock,
        )

    runner = ImportRunner(
        resources.db,
        resources.keys,
        resources.objects,
        clock,
        end_member=imported.end_member,
        end_tenancy=imported.end_tenancy,
        follow=visitors.follow_households,
    )

    async def run_import(job: Job) -> None:
        await runner.run(UUID((job.payload or b"").decode("ascii")))

    while not stop.is_set():
        try:
            async with resources.db.listening() as conn:
                queue = _queue(conn)
                # One at a time: an import takes the processor for itself, and waits for nobody.
                queue.entrypoint(imports.JOB, concurrency_limit=1)(_job(run_import, bounded))
                queue.entrypoint(erasing.JOB, concurrency_limit=_BATCHES_OF_ERASURES * MOST_TOGETHER)(
                    _job(erase, bounded)
                )
                queue.entrypoint(notifications.JOB, concurrency_limit=8)(_job(send_notification, bounded))
                # One for each endpoint: many wait for slow ones, and cost nothing meanwhile.
                queue.entrypoint(WEBHOOK, concurrency_limit=64)(_job(send_webhooks, bounded))
                queue.entrypoint(PHOTO_IMPORT, concurrency_limit=1)(_job(read_photos, bounded))
                ending = asyncio.create_task(_end_with(queue, stop))
                try:
                    await queue.run(
                        batch_size=_BATCH, dequeue_timeout=timedelta(seconds=5), heartbeat_timeout=_HEARTBEAT
                    )
                finally:
                    ending.cancel()
        except _LOST as error:
            _log.warning("jobs-interrupted", error=type(error).__name__)
            await pause(stop, _RETRY_S)


def _queue(conn: "asyncpg.Connection[asyncpg.Record]") -> QueueManager:
    # Named here and not in the environment, so that two deployments' processes never meet in one queue by accident.
    settings = DBSettings(db_schema="jobs")
    return QueueManager(
        Queries(
            AsyncpgDriver(conn),
            qbe=QueryBuilderEnvironment(settings),
            qbq=QueryQueueBuilder(settings),
            qbs=QuerySchedulerBuilder(settings),
        ),
        channel=settings.channel,
    )


def _job(work: Callable[[Job], Awaitable[None]], bounded: Bounded) -> Callable[[Job], Awaitable[None]]:
    async def do(job: Job) -> None:
        # By the real clock, as the queue's own times are.
        with traced_job(job.entrypoint, headers=job.headers, created=job.created, now=utc_now()):
            done = await bounded.do(partial(work, job))
        if not done:
            # Put back, so that another worker goes on with it at once.
            raise RetryRequested(delay=timedelta(0), reason="the worker ends")

    return do


async def _end_with(queue: QueueManager, stop: asyncio.Event) -> None:
    await stop.wait()
    queue.shutdown.set()
    # From here on no job is begun.
    _log.info("worker-stopping")


async def _lead(resources: Resources, clock: Clock, stop: asyncio.Event, bounded: Bounded, settings: Settings) -> None:
    """Do what is due by the clock, while no other worker does."""
    while not stop.is_set():
        try:
            async with leading(resources.db, LEAD, stop=stop) as conn:
                if conn is not None:
                    _log.info("worker-leads")
                    await _duties(resources, clock, stop, bounded, conn, settings)
        except* _LOST as errors:
            _log.warning("lead-lost", error=type(errors.exceptions[0]).__name__)
        await pause(stop, _RETRY_S)


async def _duties(
    resources: Resources,
    clock: Clock,
    stop: asyncio.Event,
    bounded: Bounded,
    lead: "asyncpg.Connection[asyncpg.Record]",
    settings: Settings,
) -> None:
    db, keys, objects = resources.db, resources.keys, resources.objects
    growing_up = GrowingUp(
        db,
        resources.sender,
        pepper=resources.pepper,
        public_url=settings.public_url,
        recapture=Recapture(settings.recapture_months_child, settings.recapture_months_young),
    )
    changes = ModelChanges(db, keys, objects, lambda pack: load_engine(pack, settings.models_dir))
    duties: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
        "tick": (1, lambda: tick(db, clock)),
        "notifications": (5, lambda: enqueue_due_notifications(db, now=clock())),
        "watermark": (watermark.EVERY_S, lambda: watermark.raise_marks(db, keys.db)),
        "erasures": (0.25, lambda: privacy.enqueue_due_erasures(db, now=clock())),
        "numbers": (30, lambda: numbers.finish_due(db, pepper=resources.pepper, now=clock())),
        "tenancies": (2, lambda: privacy.end_due_tenancies(db, now=clock())),
        "ending-soon": (300, lambda: notices.tell_ending(db, now=clock())),
        "imports": (5, lambda: imports.rerun(db)),
        "imported-files": (60, lambda: imports.shred(db, keys, objects, now=clock())),
        "companies' events": (0.5, lambda: publish(db, now=clock())),
        "webhooks": (5, lambda: enqueue_due_webhooks(db, now=clock())),
        "couriers": (30, lambda: couriers.settle(db, keys, now=clock())),
        "plans-of-doors": (5, lambda: plans.renew_due(db, clock)),
        "waiting-faces": (60, lambda: enrolment.attach_waiting(db, keys, now=clock())),
        "galleries": (60, lambda: enrolment.ensure_galleries(db, keys)),
        "model-changes": (30, lambda: changes.advance(now=clock())),
        "look-alikes": (3600, lambda: enrolment.settle_lookalikes(db)),
        "thresholds": (300, lambda: calibration.fit_due(db, now=clock())),
        "register-photos": (60, lambda: register_photos.destroy_gone(db, keys, objects)),
        "register-photo-imports": (30, lambda: photo_imports.tend_imports(db, keys, objects, now=clock())),
        "growing-up": (300, lambda: growing_up.turn(now=clock())),
        "unused-faces": (300, lambda: privacy.begin_unused_erasures(db, now=clock())),
        "legal-holds": (30, lambda: holds.release_ended(db, keys, objects, now=clock())),
        "unset-holds": (3600, lambda: holds.sweep(db, keys, objects, now=clock())),
        "names-of-guests": (300, lambda: forget_pass_names(db, now=clock())),
        # Once a day and chain; asked often, so that a day on which the worker was away for hours has its heads too.
        "audit-heads": (600, lambda: sign_heads(db, keys, now=clock())),
        "denied-frames": (60, lambda: frames.remove_due(db, keys, objects, now=clock())),
        "key-rotations": (60, lambda: rotation.continue_rotations(keys)),
        "retention": (3600, lambda: retention.enforce(db, keys, objects, now=clock())),
    }
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(lead, stop))
        for name, (seconds, duty) in duties.items():
            tasks.create_task(_every(name, seconds, partial(bounded.do, duty), stop))


async def _measure(resources: Resources, clock: Clock, stop: asyncio.Event, port: int | None) -> None:
    """Show this process's numbers and, of the whole system, those that only the database knows."""
    if port is None:
        return
    gauges = Gauges()
    metrics.REGISTRY.register(gauges)
    try:
        with metrics.shown(port):
            await _every("gauges", EVERY_S, lambda: gauges.measure(resources.db, resources.schema, now=clock()), stop)
    finally:
        metrics.REGISTRY.unregister(gauges)


async def _watch(lead: "asyncpg.Connection[asyncpg.Record]", stop: asyncio.Event) -> None:
    """Raise as soon as the lead is lost, which cancels the duties beside this one."""
    while not stop.is_set():
        await lead.fetchval("SELECT 1", timeout=10)
        await pause(stop, _WATCH_S)


async def _every(name: str, seconds: float, duty: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Do it now and again and again. What fails is logged by its kind, and tried again at its next turn."""
    while not stop.is_set():
        try:
            await duty()
        except Exception as error:  # noqa: BLE001 - one duty's failure must not end the others
            _log.warning("duty-failed", duty=name, error=type(error).__name__)
        await pause(stop, seconds)


async def tick(db: Database, clock: Clock) -> int:
    """Move the grants whose time has come, community by community; how many."""
    now = clock()
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await access.due_communities(conn, at=now)
    moved = 0
    for community_id in due:
        try:
            moved += await _tick_community(db, community_id, now)
        except Exception as error:  # noqa: BLE001 - one community's failure must not hold up the others' gates
            _log.error("tick-failed", community=str(community_id), error=type(error).__name__)
    return moved


async def _tick_community(db: Database, community_id: UUID, now: datetime) -> int:
    moved, count = 0, _TICK
    while count == _TICK:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            count = await access.tick(conn, community_id=community_id, at=now, limit=_TICK)
        moved += count
    return moved
