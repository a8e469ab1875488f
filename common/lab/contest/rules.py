"""The rules that a file of predictions must keep to, in French: found, expected, what to do."""

from common.lab.contest.tally import Rule

__all__ = [
    "ALL_EMPTY",
    "CHANGED",
    "COLUMNS",
    "COMPRESSED",
    "DUPLICATE",
    "EMPTY",
    "ENCODING",
    "EXTRA_COLUMNS",
    "FORMULA",
    "HEADER",
    "LINE_LENGTH",
    "MISSING",
    "MISSING_NOTE",
    "NAIVE_TIME",
    "NOT_ASKED",
    "NOT_FINITE",
    "NOT_NUMBER",
    "NUL",
    "PARQUET",
    "PARTIAL",
    "QUANTILE_ORDER",
    "QUOTES",
    "RANGE",
    "SIZE",
    "SPECIAL_FILE",
    "TIME",
    "TOO_MANY_ROWS",
    "UNKNOWN_ID",
    "WIDTH",
]

_EXPORT = "exporter de nouveau la table en CSV (UTF-8) ou en Parquet"

SPECIAL_FILE = Rule(
    "special-file", "refused", "ce n'est pas un fichier ordinaire lisible",
    "un fichier CSV ou Parquet, ni dossier, ni lien, ni périphérique",
    "déposer le fichier lui-même",
)  # fmt: skip
SIZE = Rule(
    "file-size", "refused", "fichier trop gros", "un fichier sous la limite",
    "ne garder que les lignes et les colonnes demandées",
)  # fmt: skip
EMPTY = Rule(
    "empty-file", "refused", "fichier vide", "un en-tête et une ligne par réponse", _EXPORT
)
COMPRESSED = Rule(
    "compressed", "refused", "ce fichier n'est ni du CSV ni du Parquet",
    "un fichier CSV ou Parquet, non compressé dans une archive",
    "décompresser, puis " + _EXPORT,
)  # fmt: skip
ENCODING = Rule(
    "encoding", "refused", "texte qui n'est pas en UTF-8", "UTF-8, avec ou sans BOM",
    "exporter de nouveau en UTF-8 (« CSV UTF-8 » dans un tableur)",
)  # fmt: skip
NUL = Rule("nul-byte", "refused", "octet nul dans le texte", "du texte", _EXPORT)
LINE_LENGTH = Rule(
    "line-length", "refused", "ligne démesurée", "des lignes courtes, terminées par LF ou CRLF",
    "vérifier les fins de ligne et les guillemets",
)  # fmt: skip
QUOTES = Rule(
    "quotes", "refused", "guillemet non refermé ou retour à la ligne dans une cellule",
    "une ligne de texte par réponse, guillemets refermés",
    "ôter les guillemets ou les retours à la ligne des cellules",
)  # fmt: skip
WIDTH = Rule(
    "ragged-row", "refused", "ligne qui n'a pas le nombre de cellules de l'en-tête",
    "autant de cellules que l'en-tête",
    "corriger ces lignes ; avec des virgules décimales, séparer par des points-virgules",
)  # fmt: skip
HEADER = Rule(
    "header", "refused", "en-tête absent ou incomplet",
    "une première ligne avec le nom exact de chaque colonne demandée, une seule fois",
    "comparer avec le fichier d'exemple",
)  # fmt: skip
COLUMNS = Rule(
    "too-many-columns", "refused", "trop de colonnes", "les colonnes demandées",
    "ne garder que les colonnes demandées",
)  # fmt: skip
EXTRA_COLUMNS = Rule(
    "extra-columns", "note", "colonnes en plus, non lues", "les colonnes demandées",
    "rien, ou les retirer",
)  # fmt: skip
PARQUET = Rule(
    "parquet", "refused", "fichier Parquet illisible ou hors limites",
    "un fichier Parquet plat : texte, horodatages avec fuseau, nombres",
    "écrire de nouveau le fichier, sans colonne imbriquée, en groupes d'un million de lignes"
    " au plus",
)  # fmt: skip
TOO_MANY_ROWS = Rule(
    "too-many-rows", "refused", "bien plus de lignes que de questions",
    "une ligne par question", "ne garder que les lignes demandées",
)  # fmt: skip
CHANGED = Rule(
    "changed", "refused", "le fichier a changé pendant la lecture", "un fichier déposé et fermé",
    "recommencer une fois le dépôt terminé",
)  # fmt: skip
UNKNOWN_ID = Rule(
    "unknown-id", "refused", "identifiant inconnu", "les identifiants des questions, tels quels",
    "reprendre les clés de questions.csv",
)  # fmt: skip
FORMULA = Rule(
    "formula", "refused", "cellule qui commence comme une formule (=, +, -, @)",
    "du texte ou un nombre", "remplacer la formule par sa valeur",
)  # fmt: skip
TIME = Rule(
    "time", "refused", "heure illisible", "ISO 8601 avec décalage : 2022-03-27T02:00:00Z",
    "écrire l'heure en UTC, suivie de Z",
)  # fmt: skip
NAIVE_TIME = Rule(
    "naive-time", "refused", "heure sans décalage : UTC ou heure locale ?",
    "un décalage explicite : Z, +00:00 ou +02:00", "écrire l'heure en UTC, suivie de Z",
)  # fmt: skip
NOT_ASKED = Rule(
    "not-asked", "refused", "ligne qui ne répond à aucune question",
    "les clés de questions.csv, ligne pour ligne",
    "reprendre les heures d'émission et les heures visées des questions",
)  # fmt: skip
DUPLICATE = Rule(
    "duplicate", "refused", "question à laquelle le fichier répond deux fois",
    "une seule ligne par question", "retirer la seconde ligne",
)  # fmt: skip
NOT_NUMBER = Rule(
    "not-a-number", "refused", "cellule qui n'est pas un nombre",
    "un nombre, point décimal (ou virgule si les cellules sont séparées par des points-virgules)",
    "retirer unités, espaces et texte des réponses",
)  # fmt: skip
NOT_FINITE = Rule(
    "not-finite", "refused", "réponse NaN ou infinie", "un nombre fini",
    "répondre par un nombre, ou ôter la ligne (2 % des lignes au plus)",
)  # fmt: skip
RANGE = Rule(
    "out-of-range", "refused", "réponse hors des bornes",
    "une valeur dans les bornes de la colonne",
    "vérifier le signe et l'unité",
)  # fmt: skip
QUANTILE_ORDER = Rule(
    "quantile-order", "refused", "quantiles qui se croisent",
    "des quantiles qui ne décroissent pas ; ils ne sont jamais triés pour vous",
    "corriger le modèle ou trier avant de déposer",
)  # fmt: skip
ALL_EMPTY = Rule(
    "empty-column", "note", "colonne facultative entièrement vide, tenue pour absente",
    "des valeurs, ou pas de colonne", "rien, ou la retirer",
)  # fmt: skip
PARTIAL = Rule(
    "partial-column", "refused", "colonne facultative remplie en partie",
    "une valeur à chaque ligne répondue, ou pas de colonne", "compléter ou retirer la colonne",
)  # fmt: skip
MISSING = Rule(
    "missing-rows", "refused", "trop de questions sans réponse",
    "98 % des questions répondues au moins", "répondre aux questions qui manquent",
)  # fmt: skip
MISSING_NOTE = Rule(
    "missing-rows", "note", "question sans réponse, comblée par la méthode sans IA",
    "une réponse par question", "rien : elles sont comptées dans le verdict",
)  # fmt: skip
