"""Signs in a User-Agent, strongest first: the first pattern that matches decides.

Ours stand before the list of the package crawler-user-agents, which follows
with its tags, then what every program says of itself. Patterns are those of
Rust's regex crate: no look-around; `(?i)` where case does not matter.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from crawleruseragents import (  # pyright: ignore[reportMissingTypeStubs] - it has none
    CRAWLER_USER_AGENTS_DATA,
)

from models.rules.click_classes import Reason

# People, although a later pattern would say otherwise: apps that show pages in a
# window of their own, and telephones whose name looks like a robot's.
_PEOPLE: Final[Sequence[str]] = (
    r"(?i)^Mozilla/5\.0 \([^)]*\bcubot[ _][^)]*\) AppleWebKit/[^ ]+ \(KHTML, like Gecko\)",
    r"^Mozilla/5\.0 .*AppleWebKit/.* (Notion|Slack_SSB|Slack|[Dd]iscord|Code|Teams)/.*Electron/",
    r"^Mozilla/5\.0 .*AppleWebKit/.*(MetaIAB|Bluesky/|Tumblr/|Viber|Goodreads|\[Pinterest/)",
    r"^Mozilla/5\.0 .*AppleWebKit/.* Chrome/.* Safari/[0-9.]+ (Mattermost|Teams|Rocket\.Chat)/",
    r"^Mozilla/5\.0 \(Linux; Android [^)]*; Pixel [^)]*\) AppleWebKit/.*Safari/[0-9.]+$",
    r"^Mozilla/[45]\.0 \(compatible; MSIE .*(bsalsa\.com|Embedded Web Browser)",
    r"^Mozilla/[45]\.0 .*(Valve Steam|GoogleTV|Yandex(Search|App)|YaApp|YaBrowser|YaSearch)",
)
_PREFETCH: Final[Sequence[str]] = (
    r"(?i)prefetch[ -]?proxy",
    r"(?i)\bprefetch(er|bot)?\b",
)
_PREVIEWS: Final[Sequence[str]] = (
    r"TelegramBot|vkShare|VKRobot|OdklBot|Twitterbot|Discordbot|LinkedInBot|redditbot",
    r"facebookexternalhit|facebookcatalog|Facebot|Slackbot|Slack-ImgProxy|SkypeUriPreview",
    r"^WhatsApp/|^Viber/|kakaotalk-scrap|line-poker|MicrosoftPreview|Pinterestbot|Iframely",
    r"Embedly|Mattermost|Rocket\.?Chat|Zulip|Synapse|Mastodon|Misskey|Pleroma|Akkoma|Lemmy",
    r"(?i)(link|url|uri|page|web)[ _-]?preview|unfurl|onebox|opengraph|open graph",
    r"(?i)\bYandexUserproxy|BitrixLinkPreview|MailRuConnect|Mail\.RU_Bot/Img|icq-preview|tamtam",
    r"Cardyb|BitlyBot|Dingbot-LinkService|Google-PageRenderer|Google-Snippet|XING-contenttab",
)
_SCANNERS: Final[Sequence[str]] = (
    r"(?i)\b(nikto|sqlmap|nmap|masscan|zgrab|nuclei|wpscan|acunetix|nessus|openvas|qualys)\b",
    r"(?i)\b(gobuster|dirbuster|feroxbuster|ffuf|wfuzz|arachni|w3af|skipfish|burp|owasp|jaeles)\b",
    r"(?i)censys|shodan|internet-?measurement|expanse|leakix|l9(explore|scan)|netcraft|urlscan",
    r"(?i)virustotal|phishtank|safebrowsing|google-safety|proofpoint|mimecast|barracuda|zscaler",
    r"(?i)symantec|trend ?micro|sophos|fortiguard|forcepoint|kaspersky|dr\.?web|ironport|fireeye",
    r"(?i)\b(projectdiscovery|detectify|sucuri|securityheaders|ssl ?labs|hardenize)\b",
    r"(?i)Fuzz Faster U Fool|security[ -]?scan|vulnerability|malware|phish|\bscan(ner|ning)\b",
    r"(?i)jorgee|zmeu|^hello,? ?world|tchelebi|getodin|GenomeCrawler|sitelock|reputation|threat",
)
_MONITORS: Final[Sequence[str]] = (
    r"(?i)uptime|pingdom|statuscake|site24x7|nagios|check_http|zabbix|icinga|blackbox[ -]exporter",
    r"(?i)health[ -]?check|healthcheck|kube-probe|GoogleHC|Envoy/HC|HAProxy|^Prometheus/",
    r"(?i)synthetic|newrelicpinger|datadog|catchpoint|thousandeyes|ruxit|hetrixtools|checkly",
    r"(?i)ping-?admin|host-?tracker|monitis|freshping|nodeping|updown\.io|ohdear|montastic",
    r"(?i)monitoring|\bmonitor\b|gtmetrix|lighthouse|pagespeed|\bPTST/|jetmon|cron-?job\.org",
)
_BOTS: Final[Sequence[str]] = (
    r"HeadlessChrome|PhantomJS|SlimerJS|Puppeteer|Playwright|Selenium|Cypress/",
    r"(?i)^(curl|wget|python|java|okhttp|go-http-client|ruby|perl|libwww|php|axios|node|dart)\b",
    r"(?i)\bCFNetwork/|^Dalvik/|GuzzleHttp|Apache-HttpClient|^PostmanRuntime|^insomnia/|HTTPie/",
    r"(?i)^(Yandex[A-Za-z]*|Google[A-Za-z-]*)/|; (Yandex|Google)[A-Za-z]*/\d|\bYandex[A-Za-z]*Bot",
    r"LinkpadBot",
)
_WORDS: Final[Sequence[str]] = (
    r"(?i)bots?\b|[ _-]bot|bot[/_]|crawl|spider|slurp|scrape|archiver|harvest|\bfeed|\brss\b",
    r"(?i)fetcher|checker|validator|\bindexer|http[ -_]?client|libcurl|link ?check",
)
_CONTACT: Final[Sequence[str]] = (r"(?i)https?://|\bwww\.|[a-z0-9_.-]+@[a-z0-9-]+\.[a-z]",)
_OLD_BROWSERS: Final[Sequence[str]] = (
    r"^Mozilla/[1-5]\.0 \(compatible; (MSIE|Konqueror|iCab|OmniWeb|AvantGo|Opera)",
)
_PROGRAMS: Final[Sequence[str]] = (
    r"^Mozilla/[1-5]\.0 \(compatible;? ",  # browsers stopped saying so with Internet Explorer 10
)
_BROWSERS: Final[Sequence[str]] = (
    r"^Mozilla/[1-9]",
    r"^Opera[/ ]",
    r"^(Lynx|Links|ELinks|w3m|Dillo|NetSurf|iCab|amaya|Emacs-W3|Offline Explorer)[/ (]",
    r"^(UCWEB|Nokia|SonyEricsson|SAMSUNG|LG|MOT|BlackBerry|HTC|ZTE|Alcatel|SIE|DoCoMo)[-/A-Z0-9_ ]",
    r"^(KDDI|J-PHONE|SoftBank|Vodafone|Motorola|Micromax|(?i:Huawei|Sagem)|PANTECH)[-/A-Za-z0-9_ ]",
)
_OF_TAG: Final[Mapping[str, Reason]] = {
    "social-preview": Reason.CRAWLER_LIST_PREVIEW,
    "scanner": Reason.CRAWLER_LIST_SCANNER,
    "monitoring": Reason.CRAWLER_LIST_MONITOR,
}


_BEFORE_THE_LIST: Final = (
    (Reason.BROWSER, _PEOPLE),
    (Reason.PREFETCH_LIST, _PREFETCH),
    (Reason.PREVIEW_LIST, _PREVIEWS),
    (Reason.SCANNER_LIST, _SCANNERS),
    (Reason.MONITOR_LIST, _MONITORS),
    (Reason.BOT_LIST, _BOTS),
)
_BEHIND_THE_LIST: Final = (
    (Reason.BOT_WORD, _WORDS),
    (Reason.CONTACT_GIVEN, _CONTACT),
    (Reason.BROWSER, _OLD_BROWSERS),
    (Reason.NOT_A_BROWSER, _PROGRAMS),
    (Reason.BROWSER, _BROWSERS),
)


def patterns() -> Iterator[tuple[str, Reason]]:
    """Yield every pattern with what it shows, in the order in which they decide."""
    for reason, group in _BEFORE_THE_LIST:
        yield from ((pattern, reason) for pattern in group)
    for entry in CRAWLER_USER_AGENTS_DATA:
        known = [_OF_TAG[tag] for tag in entry.get("tags", ()) if tag in _OF_TAG]
        yield entry["pattern"], known[0] if known else Reason.CRAWLER_LIST
    for reason, group in _BEHIND_THE_LIST:
        yield from ((pattern, reason) for pattern in group)
