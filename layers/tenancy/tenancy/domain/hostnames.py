"""Which names a tenant may have, and which host a name means.

A tenant's name is one DNS label below the base domain. It is never normalised: what is not already in its plain form
is refused, so that no two spellings can mean one tenant.
"""

import re
import unicodedata

SHORTEST, LONGEST = 3, 32

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,30}[a-z0-9])", re.ASCII)

# Hosts of the platform itself, names that mail clients, browsers and proxies look up by convention below any domain,
# and names that a visitor would take for the platform's own word.
_RESERVED_WORDS = """
    about abuse access account accounts admin administrator alerts analytics api apis app apps assets auth
    autoconfig autodiscover backend backup beta billing blog broadcasthost cache cdn cert certificate chat cloud
    cname config console contact control dashboard data database dev developer developers dkim dmarc dns docs domain
    domains download downloads edge email error events example exchange exports faq feedback files forum ftp gateway
    git graphql group grpc health healthz help hostmaster http https id identity image images imap info internal
    invoice invoices isatap isp jobs kubernetes legal local localdomain localhost log login logout logs mail mailer
    mailserver marketing media metrics mobile monitor monitoring mta-sts mx my network news newsletter noc none ns
    ns0 ns1 ns2 ns3 ns4 null oauth openid ops origin owner partner partners pay payment payments ping policy pop
    pop3 portal postmaster press prod production profile proxy public raw register registry relay report reports
    root sales sandbox secure security server service services settings setup signin signup sip site sites smtp spf
    sql ssh ssl staging stat static stats status subdomain support survey sysadmin system tls token tools undefined
    update updates upload uploads usenet user users uucp vpn web webhook webhooks webmail webmaster websocket whois
    wiki wpad www www1 www2 xmpp
    fluxion fluxionai fluxionia
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

# What looks alike among a-z, 0-9 and the hyphen, after Unicode Technical Standard 39 (confusables.txt). The test of
# this module compares the table with the confusable-homoglyphs package, so that the functions need not load it.
_LOOK_ALIKES = (("rn", "m"), ("1", "l"), ("0", "o"))


def skeleton(label: str) -> str:
    """The form that all look-alikes of a label share. The claim on a name is a claim on its skeleton.

    >>> skeleton("1agranja") == skeleton("lagranja")
    True
    """
    for look_alike, plain in _LOOK_ALIKES:
        label = label.replace(look_alike, plain)
    return label


_RESERVED_SKELETONS = {skeleton(name): name for name in sorted(RESERVED, reverse=True)}


def broken_rule(label: str) -> str | None:
    """The rule that a tenant's name breaks, in words, or None for a good name."""
    if label != unicodedata.normalize("NFKC", label).lower():
        return "must be given in its plain lower-case form; it is never converted"
    if not SHORTEST <= len(label) <= LONGEST:
        return f"must have {SHORTEST} to {LONGEST} characters, and has {len(label)}"
    if not _LABEL.fullmatch(label):
        return "must consist of a-z, 0-9 and inner hyphens: one DNS label, no dot"
    if label[2:4] == "--":
        return "must not have hyphens in the third and fourth place (reserved for encoded names such as xn--)"
    if label.isdigit():
        return "must not be all digits"
    if label in RESERVED:
        return "is reserved for the platform"
    if skeleton(label) in _RESERVED_SKELETONS:
        return f"looks like the reserved name '{_RESERVED_SKELETONS[skeleton(label)]}'"
    return None


def is_valid_label(label: str) -> bool:
    """Whether a tenant may have this name."""
    return broken_rule(label) is None


def host_of(label: str, base_domain: str) -> str:
    """The host that serves a tenant, without a trailing dot: ``granja.fluxionia.co``."""
    return f"{label}.{base_domain}"
