"""What people read: the failure e-mail, in English and in Spanish. Values in, text out."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tenancy.errors import leaves

# SNS: the subject must be ASCII, begin with a letter, digit or punctuation, and be shorter than 100 characters.
LONGEST_SUBJECT = 99
LONGEST_ID_IN_SUBJECT = 40

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


@dataclass(frozen=True)
class Language:
    """The words of one language; in the templates stand ``who``, ``stage`` and ``status``."""

    what: Mapping[str, str]
    status: Mapping[str, str]
    another_status: str
    kept: str
    remedy: Callable[[str, str], str]
    """Error's name, its own (English) remedy → what a person should do."""
    to_do: str
    command: Mapping[str, str]
    look: str
    runbook: str


ENGLISH = Language(
    what={
        "TenantOnboardingFailed": "The onboarding of {who} has failed in the state {stage}.",
        "TenantUpdateFailed": "A change of the live tenant {who} has failed in the state {stage}.",
        "TenantStalled": "The work on {who} has come to a halt in the state {stage}: all retries are used up.",
    },
    status={
        "PENDING": "The site is not live yet; visitors get 404.",
        "ACTIVE": "The site is live, exactly as before this change.",
        "SUSPENDED": "The site is suspended, exactly as before this change; visitors get 503.",
        "FAILED": "The site is not live; visitors get 404.",
    },
    another_status="The tenant's status is {status}.",
    kept="What was already set up is kept, and the next run continues from there.",
    remedy=lambda _, own: own,
    to_do="What to do",
    command={"retry": "To run it again after that:", "show": "To see what is on record:"},
    look="Where to look",
    runbook="Runbook",
)
SPANISH = Language(
    what={
        "TenantOnboardingFailed": "El alta de {who} ha fallado en el estado {stage}.",
        "TenantUpdateFailed": "Un cambio del inquilino activo {who} ha fallado en el estado {stage}.",
        "TenantStalled": "El trabajo sobre {who} se ha detenido en el estado {stage}: se agotaron los reintentos.",
    },
    status={
        "PENDING": "El sitio aún no está en línea; los visitantes reciben 404.",
        "ACTIVE": "El sitio sigue en línea, exactamente como antes de este cambio.",
        "SUSPENDED": "El sitio sigue suspendido, exactamente como antes de este cambio; los visitantes reciben 503.",
        "FAILED": "El sitio no está en línea; los visitantes reciben 404.",
    },
    another_status="El estado del inquilino es {status}.",
    kept="Lo que ya estaba preparado se conserva, y la próxima ejecución continúa desde ahí.",
    remedy=lambda code, _: REMEDY_ES.get(
        code, "Los reintentos se agotaron. Siga la guía, mire la ejecución en la consola y ejecute de nuevo."
    ),
    to_do="Qué hacer",
    command={"retry": "Para ejecutarlo de nuevo después:", "show": "Para ver lo que consta:"},
    look="Dónde mirar",
    runbook="Guía",
)


@dataclass(frozen=True)
class Mail:
    """One e-mail as SNS takes it."""

    subject: str
    body: str


def failure_mail(event_type: str, detail: Mapping[str, Any], *, region: str, runbooks_url: str) -> Mail:
    """The e-mail about one failure event.

    detail: ``{metadata, data}`` of TenantOnboardingFailed, TenantUpdateFailed or TenantStalled.
    """
    tenant_id = str(detail["metadata"]["tenant_id"])
    console = console_link(detail["metadata"]["execution_arn"], region)
    english = _paragraphs(ENGLISH, event_type, tenant_id, detail["data"], console, runbooks_url)
    spanish = _paragraphs(SPANISH, event_type, tenant_id, detail["data"], console, runbooks_url)
    body = "\n\n".join([*english, "— Español —", *spanish]) + "\n"
    return Mail(subject(tenant_id, detail["data"]["stage"], event_type), body)


def _paragraphs(
    language: Language, event_type: str, tenant_id: str, data: Mapping[str, Any], console: str, runbooks_url: str
) -> list[str]:
    """What happened; what visitors get; what to do; where to look."""
    code = data["code"]
    name = _escaped(tenant_id)
    who = f"{data['name']} ({name})" if data.get("name") else name
    happened = language.what[event_type].format(who=who, stage=data["stage"])
    status = language.status.get(data["status"]) or language.another_status.format(status=data["status"])
    # A corrected item starts a run by itself; for every other cause a person says when it is gone.
    verb = "show" if code == "InvalidTenantItem" else "retry"
    page = code.lower() if code in leaves() else "other"
    return [
        f"{happened}\n{code}: {data['message']}",
        f"{status} {language.kept}" if event_type == "TenantStalled" else status,
        f"{language.to_do}: {language.remedy(code, data['remedy'])}\n"
        f"{language.command[verb]}\n  fluxion tenants {verb} {shlex.quote(name)}",
        f"{language.look}: {console}"
        + (f"\n{language.runbook}: {runbooks_url.rstrip('/')}/{page}.md" if runbooks_url else ""),
    ]


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
