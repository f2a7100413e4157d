"""What people read: the failure e-mail, in English and in Spanish. Values in, text out."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tenancy.errors import leaves

# SNS: the subject must be ASCII, begin with a letter, digit or punctuation, and be shorter than 100 characters.
LONGEST_SUBJECT = 99
LONGEST_ID_IN_SUBJECT = 40

_STATUS_EN = {
    "PENDING": "The site is not live yet; visitors get 404.",
    "ACTIVE": "The site is live, exactly as before this change.",
    "SUSPENDED": "The site is suspended, exactly as before this change; visitors get 503.",
    "FAILED": "The site is not live; visitors get 404.",
}
_STATUS_ES = {
    "PENDING": "El sitio aún no está en línea; los visitantes reciben 404.",
    "ACTIVE": "El sitio sigue en línea, exactamente como antes de este cambio.",
    "SUSPENDED": "El sitio sigue suspendido, exactamente como antes de este cambio; los visitantes reciben 503.",
    "FAILED": "El sitio no está en línea; los visitantes reciben 404.",
}
_WHAT_EN = {
    "TenantOnboardingFailed": "The onboarding of {who} has failed in the state {stage}.",
    "TenantUpdateFailed": "A change of the live tenant {who} has failed in the state {stage}.",
    "TenantStalled": "The work on {who} has come to a halt in the state {stage}: all retries are used up.",
}
_WHAT_ES = {
    "TenantOnboardingFailed": "El alta de {who} ha fallado en el estado {stage}.",
    "TenantUpdateFailed": "Un cambio del inquilino activo {who} ha fallado en el estado {stage}.",
    "TenantStalled": "El trabajo sobre {who} se ha detenido en el estado {stage}: se agotaron los reintentos.",
}
REMEDY_ES = {
    "InvalidTenantItem": "Corrija el elemento en la tabla tenants; una vez corregido, inicia otra ejecución por sí "
    "solo.",
    "NameClaimedByOther": "Elija otro tenant_id, o dé de baja al inquilino que tiene el nombre.",
    "RecordBelongsToOthers": "Borre o renombre el registro en la zona, y después ejecute de nuevo.",
    "AliasBelongsToOthers": "Quite el alias de la distribución que lo tiene, y después ejecute de nuevo.",
    "AliasQuotaExceeded": "Aumente la cuota de nombres alternativos por distribución en Service Quotas y el parámetro "
    "AliasQuota del stack, y después ejecute de nuevo.",
    "CertificateDoesNotCover": "Compruebe que el certificado de la distribución cubre *.<dominio base>, y después "
    "ejecute de nuevo.",
    "ZoneRefusedRecord": "Lea el mensaje de Route 53; revise la zona y su cuota, y después ejecute de nuevo.",
    "AccessDenied": "Dé al rol de la función el permiso que nombra el mensaje, y después ejecute de nuevo.",
    "RequestRefused": "Lea el mensaje del servicio; compruebe que los recursos del stack existen, y después ejecute de "
    "nuevo.",
    "StaleWriteAheadLog": "Saque de la carpeta del inquilino el archivo .wal que nombra el mensaje, y después ejecute "
    "de nuevo.",
}
_REMEDY_ES_OTHERWISE = "Los reintentos se agotaron. Siga la guía, mire la ejecución en la consola y ejecute de nuevo."
_COMMAND_EN = {"retry": "To run it again after that:", "show": "To see what is on record:"}
_COMMAND_ES = {"retry": "Para ejecutarlo de nuevo después:", "show": "Para ver lo que consta:"}
_KEPT_EN = "What was already set up is kept, and the next run continues from there."
_KEPT_ES = "Lo que ya estaba preparado se conserva, y la próxima ejecución continúa desde ahí."


@dataclass(frozen=True)
class Mail:
    """One e-mail as SNS takes it."""

    subject: str
    body: str


def failure_mail(event_type: str, detail: Mapping[str, Any], *, region: str, runbooks_url: str) -> Mail:
    """The e-mail about one failure event.

    detail: ``{metadata, data}`` of TenantOnboardingFailed, TenantUpdateFailed or TenantStalled.
    """
    metadata, data = detail["metadata"], detail["data"]
    tenant_id = str(metadata["tenant_id"])
    who = f"{data['name']} ({_escaped(tenant_id)})" if data.get("name") else _escaped(tenant_id)
    console = console_link(metadata["execution_arn"], region)
    page = data["code"].lower() if data["code"] in leaves() else "other"
    runbook = f"{runbooks_url.rstrip('/')}/{page}.md" if runbooks_url else ""
    # A corrected item starts a run by itself; for every other cause a person says when it is gone.
    verb = "show" if data["code"] == "InvalidTenantItem" else "retry"
    command = f"fluxion tenants {verb} {shlex.quote(_escaped(tenant_id))}"
    remedy_es = REMEDY_ES.get(data["code"], _REMEDY_ES_OTHERWISE)
    words = {"who": who, "stage": data["stage"]}
    english = [
        _WHAT_EN[event_type].format(**words) + f"\n{data['code']}: {data['message']}",
        _STATUS_EN.get(data["status"], f"The tenant's status is {data['status']}.")
        + (f" {_KEPT_EN}" if event_type == "TenantStalled" else ""),
        f"What to do: {data['remedy']}\n{_COMMAND_EN[verb]}\n  {command}",
        f"Where to look: {console}" + (f"\nRunbook: {runbook}" if runbook else ""),
    ]
    spanish = [
        _WHAT_ES[event_type].format(**words) + f"\n{data['code']}: {data['message']}",
        _STATUS_ES.get(data["status"], f"El estado del inquilino es {data['status']}.")
        + (f" {_KEPT_ES}" if event_type == "TenantStalled" else ""),
        f"Qué hacer: {remedy_es}\n{_COMMAND_ES[verb]}\n  {command}",
        f"Dónde mirar: {console}" + (f"\nGuía: {runbook}" if runbook else ""),
    ]
    body = "\n\n".join([*english, "— Español —", *spanish]) + "\n"
    return Mail(subject(tenant_id, data["stage"], event_type), body)


def subject(tenant_id: str, stage: str, event_type: str) -> str:
    """Which tenant and which stage, in what SNS accepts as a subject."""
    verb = "stalled" if event_type == "TenantStalled" else "failed"
    name = _escaped(tenant_id)
    if len(name) > LONGEST_ID_IN_SUBJECT:
        name = name[: LONGEST_ID_IN_SUBJECT - 3] + "..."
    return f"[fluxion] {name}: {stage} {verb}"[:LONGEST_SUBJECT]


def console_link(execution_arn: str, region: str) -> str:
    """The page of an execution in the Step Functions console."""
    return (
        f"https://{region}.console.aws.amazon.com/states/home?region={region}"
        f"#/v2/executions/details/{quote(execution_arn, safe=':')}"
    )


def _escaped(text: str) -> str:
    """ASCII, without control characters; every other text as Python would write it."""
    return "".join(char if char.isascii() and char.isprintable() else ascii(char)[1:-1] for char in text)
