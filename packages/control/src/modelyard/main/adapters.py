"""Builds what stands for the world outside: one adapter for each port, as the settings want it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments.uv import UvEnvironments
from modelyard.adapters.job_engine.dbos import DbosJobEngine
from modelyard.adapters.key_sets.http import HttpKeySets
from modelyard.adapters.model_server import HttpDriftCounts, HttpModelDocuments, HttpPredictions
from modelyard.adapters.receiver.http import HttpReceivers
from modelyard.adapters.runner.configured import RunnerContext, configured_runners
from modelyard.adapters.runner.home import local_runner
from modelyard.adapters.runner.run_image import RunImages
from modelyard.adapters.service_hosts.dns import DnsServiceHosts
from modelyard.adapters.target import configured_targets
from modelyard.adapters.target.context import TargetContext
from modelyard.adapters.tracking.mlflow import MlflowTracking
from modelyard.adapters.tracking.mlflow_registry import MlflowRegisteredModels
from modelyard.adapters.wheels import UvWheels
from modelyard.deployments.installation import installation_of
from modelyard.errors import Invalid
from modelyard.gateway_node.names import names_of_gateway
from modelyard.main.image_sources import bases_of, registries_of
from modelyard.oci.archives import LayoutArchives
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.source import WheelSource
from modelyard.packaging.compiler import Compiler, NoCompiler, TrialCompiler
from modelyard.packaging.opening import ModelOpening, NoOpening, TrialOpening
from modelyard.packaging.profiling import Profiler, TrialProfiler
from modelyard.ports.api_management import ApiManagement
from modelyard.ports.clock import Clock
from modelyard.ports.drift_counts import DriftCounts
from modelyard.ports.environments import Environments
from modelyard.ports.job_engine import JobEngine
from modelyard.ports.key_sets import KeySets
from modelyard.ports.model_documents import ModelDocuments
from modelyard.ports.predictions import Predictions
from modelyard.ports.receiver import Receivers
from modelyard.ports.registered_models import RegisteredModels
from modelyard.ports.runner import Limits, Runner
from modelyard.ports.service_hosts import ServiceHosts
from modelyard.ports.target import Target
from modelyard.ports.tracking import Tracking
from modelyard.settings import Settings
from modelyard.tracking_access.grants import NoCredentials, RunCredentials, SignedCredentials
from modelyard.tracking_access.signing import TrackingSigner
from modelyard.trusted_sources import is_loopback


@dataclass(frozen=True, slots=True)
class Adapters:
    """The world outside, one adapter for each port."""

    clock: Clock
    engine: JobEngine
    environments: Environments
    receivers: Receivers
    service_hosts: ServiceHosts
    key_sets: KeySets
    runner: Runner
    """For trials of models, which are made on this machine."""
    runners: Mapping[str, Runner]
    """For scripts, by the operator's names."""
    targets: Mapping[str, Target]
    tracking: Tracking
    registered: RegisteredModels
    run_credentials: RunCredentials
    wheels: WheelSource
    documents: ModelDocuments
    drift_counts: DriftCounts
    predictions: Predictions
    api_management: ApiManagement | None
    """The service of Azure API Management that the operator has configured."""


def real_adapters(settings: Settings) -> Adapters:
    """The adapters of a local stack."""
    places = settings.storage.places
    clock = SystemClock()
    isolation = settings.isolation
    wheels = UvWheels(home=places, folder=places.wheelhouse, environment=os.environ)
    signer = _tracking_signer(settings)
    credential = None if signer is None else signer.platform_token()
    return Adapters(
        clock=clock,
        engine=DbosJobEngine(database_url=settings.storage.jobs_database, concurrency=settings.jobs.concurrent_jobs),
        environments=UvEnvironments(
            home=places,
            clock=clock,
            lock_ttl_seconds=settings.environments.lock_ttl_seconds,
            environment=os.environ,
            isolation=isolation,
            builds_sources=settings.environments.source_builds,
        ),
        service_hosts=DnsServiceHosts(networks=settings.routing.service_networks, hosts=settings.routing.places),
        key_sets=HttpKeySets(allowed=settings.routing.service_networks, authorities=settings.routing.jwks_ca_file),
        receivers=HttpReceivers(
            allowed=settings.webhooks.allowed_networks,
            seconds=settings.webhooks.timeout_seconds,
            authorities=settings.webhooks.ca_file,
        ),
        runner=local_runner(places, isolation=isolation),
        runners=runners_of(settings, wheels),
        targets=targets_of(settings),
        tracking=MlflowTracking(
            uri=settings.tracking_server.uri,
            backend_uri=settings.tracking_server.backend(places),
            artifact_root=settings.tracking_server.foreign_artifacts,
            credential=credential,
        ),
        registered=MlflowRegisteredModels(uri=settings.tracking_server.uri, credential=credential),
        run_credentials=NoCredentials() if signer is None else SignedCredentials(signer, clock),
        wheels=wheels,
        documents=HttpModelDocuments(),
        drift_counts=HttpDriftCounts(),
        predictions=HttpPredictions(),
        api_management=api_management_of(settings, clock),
    )


def api_management_of(settings: Settings, clock: Clock) -> ApiManagement | None:
    """Azure's client is imported only where a service is configured.

    Raises:
        Invalid: code `setting_invalid`.
    """
    given = settings.apim.apim
    if given is None:
        return None
    try:
        made: ApiManagement = import_module("modelyard.adapters.apim").configured_api_management(given, clock)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "modelyard":
            raise
        raise Invalid(
            f"MODELYARD_APIM needs the package {exc.name}: install modelyard[apim]",
            code="setting_invalid",
            field="apim",
        ) from exc
    return made


def targets_of(settings: Settings) -> Mapping[str, Target]:
    """The targets that the operator has configured."""
    http, ports = settings.http, settings.local_target
    gateway = names_of_gateway(settings.gateway.url, settings.gateway_node)
    context = TargetContext(
        home=settings.storage.places,
        installation=installation_of(settings.storage.database),
        isolation=settings.isolation,
        server_settings={
            "mlflow_uri": settings.tracking_server.uri,
            "allowed_hosts": ",".join([*http.allowed_hosts, *gateway]) or None,
            "allowed_origins": ",".join(http.allowed_origins) or None,
        },
        replica_memory_bytes=settings.deployments.replica_memory_bytes,
        server_ports=range(ports.server_port_first, ports.server_port_last + 1),
        images=LayoutArchives(Layout(settings.storage.places.images)),
    )
    return configured_targets(settings.deployments.targets, context)


def runners_of(settings: Settings, wheels: WheelSource) -> Mapping[str, Runner]:
    """The runners that the operator has configured."""
    places, tracker = settings.storage.places, settings.tracking_server
    require_space = partial(settings.storage.disk.require, what="the image of runs")
    layout = Layout(places.images)
    registries = registries_of(settings.images)
    bases = bases_of(settings.images, layout, registries, require_space=require_space)
    context = RunnerContext(
        home=places,
        isolation=settings.isolation,
        installation=installation_of(settings.storage.database),
        images=RunImages(layout, base=lambda log: bases.open(log=log), wheels=wheels, require_space=require_space),
        open_registry=registries.open,
        tracking_uri=tracker.uri,
        is_tracker_ours=tracker.is_own,
        is_tracker_local=is_loopback(tracker.called_host),
    )
    return configured_runners(settings.runners.runners, context)


def _tracking_signer(settings: Settings) -> TrackingSigner | None:
    """None where the tracking server is not ours."""
    if not settings.tracking_server.is_own:
        return None
    settings.storage.places.make()
    return TrackingSigner(settings.tracking_server.signing_key(settings.storage.places))


def opening(settings: Settings, adapters: Adapters) -> ModelOpening:
    """What opens models before they become versions, if the settings want that."""
    if not settings.packaging.open_models:
        return NoOpening()
    return TrialOpening(
        environments=adapters.environments,
        runner=adapters.runner,
        clock=adapters.clock,
        limits=replace(settings.runs.limits, seconds=settings.deployments.ready_seconds),
        is_compiled=settings.packaging.compile_models,
    )


def compiler(settings: Settings, adapters: Adapters) -> Compiler:
    """What tries translations of models, if the settings want any."""
    if not settings.packaging.compile_models:
        return NoCompiler()
    return TrialCompiler(
        environments=adapters.environments,
        runner=adapters.runner,
        clock=adapters.clock,
        limits=_trial_limits(settings),
    )


def profiler(settings: Settings, adapters: Adapters) -> Profiler:
    """What makes profiles of training data."""
    return TrialProfiler(
        tracking=adapters.tracking, runner=adapters.runner, clock=adapters.clock, limits=_trial_limits(settings)
    )


def _trial_limits(settings: Settings) -> Limits:
    return replace(
        settings.runs.limits,
        seconds=settings.packaging.compile_seconds,
        memory_bytes=settings.packaging.compile_memory_bytes,
    )
