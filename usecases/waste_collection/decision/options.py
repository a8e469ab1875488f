"""Files and words that ``aune plan waste_collection`` takes, with their French help."""

from collections.abc import Mapping

__all__ = ["PLAN_FILES", "PLAN_OPTIONS"]

PLAN_FILES: Mapping[str, str] = {
    "bundle": "paquet signé de la tâche overflow ; le plus récent de results/ sinon, sans IA à "
    "défaut",
    "readings": "dossier avec containers.csv et readings.csv ; données publiques sinon",
    "fleet": "vehicles.csv, les camions ; HYPOTHÈSE sinon",
    "roads": "matrice routière from_id,to_id,distance_m,duration_s ; vol d'oiseau sinon",
    "former": "plan.csv d'un plan précédent : le plan repart de lui et dit ce qui change",
    "feedback": "retours.csv des équipes : vidé, bloqué, endommagé, introuvable",
}
PLAN_OPTIONS: Mapping[str, str] = {
    "date": "jour du plan, AAAA-MM-JJ ; le dernier relevé sinon",
    "depot": "position du dépôt, LAT,LON ; HYPOTHÈSE sinon",
    "tip": "position du quai de vidage, LAT,LON ; HYPOTHÈSE sinon",
    "lock": "arrêt à garder, ID ou ID@CAMION ; peut revenir",
    "add": "arrêt à ajouter, ID ; peut revenir",
    "remove": "arrêt à retirer, ID ; peut revenir",
    "cadence": "jours entre deux tournées, 1 à 7",
    "overflow-km": "kilomètres de route que vaut un jour de débordement",
}
