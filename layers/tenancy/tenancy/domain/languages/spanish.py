"""Spanish is what e-mails and the panel say besides."""

from tenancy.domain.languages.language import Language

SPANISH = Language(
    name="Español",
    tenants="Inquilinos",
    what={
        "TenantOnboardingFailed": "El alta de {who} ha fallado en el estado {stage}.",
        "TenantUpdateFailed": "Un cambio del inquilino activo {who} ha fallado en el estado {stage}.",
        "TenantStalled": "El trabajo sobre {who} se ha detenido en el estado {stage}: se agotaron los reintentos.",
        "TenantOffboardingFailed": "La baja de {who} no avanza: ha fallado el estado {stage}.",
        "DatabaseMigrationFailed": "La base de datos de {who} no pudo recibir el nuevo esquema: ha fallado {stage}.",
    },
    undoing="Al deshacer",
    status={
        "PENDING": "El sitio aún no está en línea; los visitantes reciben 404.",
        "ACTIVE": "El sitio sigue en línea, exactamente como antes de este cambio.",
        "SUSPENDED": "El sitio sigue suspendido, exactamente como antes de este cambio; los visitantes reciben 503.",
        "FAILED": "El sitio no está en línea; los visitantes reciben 404.",
        "ROLLBACK_INCOMPLETE": "El sitio no está en línea; los visitantes reciben 404. No se pudo deshacer todo.",
        "OFFBOARDING": "El sitio se ha dado de baja; los visitantes reciben 404. La baja sigue sola, con pausas.",
    },
    another_status="El estado del inquilino es {status}.",
    remaining="Queda por deshacer: {systems}. Se vuelve a intentar por sí solo.",
    kept="Lo que ya estaba preparado se conserva, y la próxima ejecución continúa desde ahí. Se inicia por sí sola.",
    to_do="Qué hacer",
    command={
        "retry": "Para ejecutarlo de nuevo después:",
        "show": "Para ver lo que consta:",
        "retry all": "Para ejecutarlos todos de nuevo después:",
        "list": "Para verlos todos:",
    },
    look="Dónde mirar",
    runbook="Guía",
    together="Llegaron {count} fallos a la vez. Este correo vale por uno de cada; al final están todos los inquilinos.",
    counted="{count} en el estado {stage}",
    visitors="Visitantes",
    causes={
        "InvalidTenantItem": "El elemento de la tabla tenants incumple una regla.",
        "NameClaimedByOther": "Otro inquilino tiene ese nombre, o uno que se le parece.",
        "RecordBelongsToOthers": "La zona ya tiene para esa dirección un registro que no creó este plano de control.",
        "AliasBelongsToOthers": (
            "Una distribución ya tiene esa dirección como alias, y no lo puso este plano de control."
        ),
        "AliasQuotaExceeded": "En la distribución no cabe otro nombre alternativo.",
        "ZoneQuotaExceeded": "En la zona no caben los registros del inquilino.",
        "CertificateDoesNotCover": "El certificado de la distribución no cubre la dirección.",
        "ZoneRefusedRecord": "Route 53 rechaza el registro por otra razón que la de existir ya.",
        "AccessDenied": "IAM niega una llamada que la función necesita.",
        "RequestRefused": "Un servicio de AWS rechaza una petición: es un defecto, o falta un recurso.",
        "DatabaseBelongsToOthers": (
            "En la carpeta del inquilino hay una base de datos que no puso este plano de control."
        ),
        "SchemaMigrationFailed": (
            "Las filas del inquilino no caben en un paso del esquema. Su base de datos sigue en servicio, con la "
            "versión que tiene."
        ),
        "ArchiveMissing": "El respaldo por restaurar no está en el bucket, o la función no lo puede leer.",
        "ArchiveDamaged": "El respaldo por restaurar no es lo que se archivó. No se publicó nada de él.",
        "AdoptionProofDiffers": "Lo que se va a adoptar no es lo que se comprobó. No se publicó nada.",
        "SharedDatabaseUnfit": "La base compartida no se puede tomar: no está, o sus tablas no son las del esquema.",
        "StaleWriteAheadLog": (
            "Junto a un archivo de base de datos sin usar hay un registro previo de escrituras: abrirlo repetiría "
            "filas ajenas."
        ),
        "ServiceThrottled": "Un servicio de AWS pide menos llamadas.",
        "ServiceUnavailable": "Un servicio de AWS responde con un error suyo, o no responde.",
        "ZoneBusy": "Route 53 aún trabaja en el último cambio de la zona.",
        "ConcurrentUpdate": "Alguien más cambió lo mismo entre la lectura y la escritura, más de una vez.",
        "SiteNotReady": "El sitio del inquilino aún no responde como debe.",
        "TenantDatabaseBusy": "Otro proceso retiene la base de datos del inquilino por más tiempo del que se espera.",
        "TenantDatabaseMissing": "No está el archivo de la base de datos que consta para el inquilino.",
        "StorageFull": "El sistema de archivos no tiene espacio.",
        "StorageUnavailable": "El sistema de archivos responde con un error de lectura o escritura.",
    },
    other_cause="Una etapa no terminó a tiempo, o AWS no la pudo ejecutar.",
    exact="El mensaje exacto, en inglés, está más arriba: nombra de qué se trata.",
    remedies={
        "InvalidTenantItem": (
            "Corrija el elemento en la tabla tenants; una vez corregido, inicia otra ejecución por sí solo."
        ),
        "NameClaimedByOther": "Elija otro tenant_id, o dé de baja al inquilino que tiene el nombre.",
        "RecordBelongsToOthers": "Borre o renombre el registro en la zona, y después ejecute de nuevo.",
        "AliasBelongsToOthers": "Quite el alias de la distribución que lo tiene, y después ejecute de nuevo.",
        "AliasQuotaExceeded": (
            "Aumente la cuota de nombres alternativos por distribución en Service Quotas y el parámetro AliasQuota "
            "del stack, y después ejecute de nuevo."
        ),
        "ZoneQuotaExceeded": (
            "Aumente la cuota de registros por zona en Service Quotas y el parámetro ZoneRecordQuota del stack, y "
            "después ejecute de nuevo."
        ),
        "CertificateDoesNotCover": (
            "Compruebe que el certificado de la distribución cubre *.<dominio base>, y después ejecute de nuevo."
        ),
        "ZoneRefusedRecord": "Lea el mensaje de Route 53; revise la zona y su cuota, y después ejecute de nuevo.",
        "AccessDenied": "Dé al rol de la función el permiso que nombra el mensaje, y después ejecute de nuevo.",
        "RequestRefused": (
            "Lea el mensaje del servicio; compruebe que los recursos del stack existen, y después ejecute de nuevo."
        ),
        "DatabaseBelongsToOthers": (
            "Saque de la carpeta del inquilino la base de datos que nombra el mensaje, y después ejecute de nuevo."
        ),
        "SchemaMigrationFailed": (
            "Corrija las filas del inquilino que rechaza el paso que nombra el mensaje, o publique un paso corregido, "
            "y después ejecute `fluxion fleet migrate --tenant` con el id del inquilino."
        ),
        "ArchiveMissing": "Indique con `fluxion tenants restore` un respaldo que exista; --cancel retira la petición.",
        "ArchiveDamaged": (
            "Busque una versión anterior del archivo en el bucket de respaldos, o indique otro con `fluxion tenants "
            "restore`; --cancel retira la petición."
        ),
        "AdoptionProofDiffers": (
            "Retire el elemento, compruebe que nadie escribe ya en la base compartida, y planifique de nuevo con "
            "`fluxion tenants adopt`."
        ),
        "SharedDatabaseUnfit": "Adapte al esquema la tabla que nombra el mensaje, y planifique de nuevo la adopción.",
        "StaleWriteAheadLog": (
            "Saque de la carpeta del inquilino el archivo .wal que nombra el mensaje, y después ejecute de nuevo."
        ),
        "ServiceThrottled": "Mire las cuotas del servicio y quién más lo usa, y después ejecute de nuevo.",
        "ServiceUnavailable": "Mire el AWS Health Dashboard; cuando el servicio responda, ejecute de nuevo.",
        "ZoneBusy": "Busque qué otra cosa cambia la zona sin parar, y después ejecute de nuevo.",
        "ConcurrentUpdate": "Busque quién más escribe en el mismo recurso, y después ejecute de nuevo.",
        "SiteNotReady": "El mensaje nombra el paso que falla: siga desde ahí, y después ejecute de nuevo.",
        "TenantDatabaseBusy": (
            "Busque un proceso que retenga el archivo de bloqueo del inquilino, y después ejecute de nuevo."
        ),
        "TenantDatabaseMissing": (
            "Recupere de una copia de seguridad el archivo de la base de datos, y después ejecute de nuevo."
        ),
        "StorageFull": "Libere espacio en el sistema de archivos o aumente su cuota, y después ejecute de nuevo.",
        "StorageUnavailable": (
            "Revise el punto de montaje de EFS y el camino hasta él en la red, y después ejecute de nuevo."
        ),
    },
    other_remedy="Los reintentos se agotaron. Siga la guía, mire la ejecución en la consola y ejecute de nuevo.",
)
