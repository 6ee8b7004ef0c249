"""Words in column names that say what a target is: a price, a year, a number of things, a class, a rating."""

import re
import unicodedata
from enum import Enum


class Meaning(Enum):
    """What the name of a column says about its values."""

    COUNT = "a number of things"
    QUANTITY = "a quantity that is measured"
    DURATION = "a duration"
    YEAR = "a year"
    RATING = "a rating or a score"
    CLASS = "a class"


# The words of a table, without accents and in lower case: English first, then other languages
_WORDS = {
    Meaning.COUNT: """
        count counts freq frequency num number numbers visits visit visitors accidents accident arrests
        arrest awards births calls cases children child kids claims clicks comments crashes crimes deaths
        death defects downloads drinks employees errors events failures faults fatalities goals hits
        homicides hospitalizations incidents infections injuries injured killed kills likes members murders
        orders passengers patents persons publications articles purchases seizures strikes suicides tickets
        trips usage abundance victims views violations wins losses doctorvisits absences citations eggs
        insects colonies breaks rentals bikes riders complaints admissions siblings rooms bedrooms bathrooms
        anzahl zahl haufigkeit unfalle besuche kinder nombre effectif visites enfants numero cantidad
        visitas hijos accidentes conteo contagem quantidade visite figli aantal bezoeken kinderen ongevallen
        antal besog bezoek antall liczba pocet""",
    Meaning.QUANTITY: """
        price cost costs wage wages salary salaries income incomes earnings earn pay payment revenue
        revenues sales sale turnover profit profits rent fee fees fare fares charge charges amount value tax
        taxes expenditure expenditures expend expense expenses spending spend gdp gnp debt debts budget loan
        loans balance premium dollar dollars usd eur euro euros gbp cents asset assets equity worth money
        bill tip deposit gift gifts donation donations investment invest wealth fortune capital output
        production consumption demand supply exports imports yield yields weight height length width depth
        area size distance dist speed velocity temperature temp pressure volume mass grams gram kg kilograms
        pounds lbs inches cm mm meters miles mileage km index rate ratio percent percentage pct share
        proportion fraction prob density concentration level levels hp horsepower mpg power intensity dose
        dosage population pop elevation altitude latitude longitude lat long lon mag magnitude brightness
        energy calories cal sodium glucose cholesterol chol bmi ozone humidity wind rain rainfall
        precipitation radiation flow circumference diameter girth thickness strength resistance voltage
        current latency displacement acceleration accel preis kosten lohn gehalt einkommen miete umsatz
        gewicht hohe lange breite flache grosse temperatur bevolkerung einwohner prix cout salaire loyer
        revenu poids hauteur taille surface precio coste salario ingreso ingresos renta peso altura
        superficie preco custo prezzo costo stipendio reddito affitto prijs loon inkomen huur pris lonn hyra
        hyre inkomst vaegt vekt vikt hojde cena koszt""",
    Meaning.DURATION: """
        time times day days hour hours hrs minute minutes mins second seconds sec week weeks month months
        duration age ages tenure survival surv futime experience exper wait waiting delay stay lifetime life
        years yrs followup ttr lag spell alter dauer tage stunden monate zeit jours duree mois heures dias
        duracion meses horas edad tiempo idade tempo giorni durata mesi eta dagen duur leeftijd dage alder
        tid maneder dagar""",
    Meaning.YEAR: """
        year yr born birthyear yearborn date decade founded built jahr baujahr geburtsjahr annee naissance
        ano anno nascita jaar ar aar rok fodt""",
    Meaning.RATING: """
        rating ratings star stars score scores quality satisfaction satisfied grade grades rank ranking
        likert agree agreement severity stage happiness happy importance opinion degree pain trust health
        points iq gpa sat act test exam mark marks math maths reading science verbal evaluation eval
        attitude interest confidence preference usefulness difficulty comfort taste aroma flavor overall
        ability competence note noten bewertung qualitat punkte nota notas calificacion satisfaccion voto
        punteggio karakter vurdering cijfer beoordeling betyg""",
    Meaning.CLASS: """
        class classes label labels type types kind species group groups category categories cat cluster
        clusters region origin color colour code cultivar variety race ethnicity ethnic religion sex gender
        mode choice party brand diagnosis state country job occupation sector department segment zone status
        treatment digit letter genre family site location klasse typ gruppe kategorie farbe geschlecht
        classe espece groupe clase tipo grupo sexo especie categoria soort groep kategori kon""",
}
_MEANING = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_OF_NUMBER = re.compile(
    r"(?:n|nb|nbr|num|number|(?:no|nr|number)_of)_"
)  # n_claims, number_of_rooms, NumVisits
_AS_PREFIX = re.compile(r"(?:num|nb|nr|n)(.{4,})")  # numvisits, ncases
_SHORTEST_ENDING = 5  # as price in houseprice; shorter words end others by chance


def words_of(name: str) -> list[str]:
    """Return the words of a column name, in lower case without accents.

    >>> words_of("NumDoctorVisits"), words_of("løn_2020"), words_of("Price (USD)")
    (['num', 'doctor', 'visits'], ['lon'], ['price', 'usd'])
    """
    plain = unicodedata.normalize("NFKD", name.translate(str.maketrans("øØłæÆß", "oOlaAs")))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", letters)
    return [word.lower() for word in re.findall(r"[^\W\d_]+|#", spaced)]


def meaning_of(name: str) -> Meaning | None:
    """Return what the name of a column says about its values; None if it says nothing known.

    >>> meaning_of("house_price"), meaning_of("n_claims"), meaning_of("birthYear"), meaning_of("y")
    (<Meaning.QUANTITY: 'a quantity that is measured'>, <Meaning.COUNT: 'a number of things'>, \
<Meaning.YEAR: 'a year'>, None)
    """
    words = words_of(name)
    if not words:
        return None
    if "#" in words or _OF_NUMBER.match("_".join(words)):
        return Meaning.COUNT
    for word in reversed(words):  # the last word is the thing, those before describe it
        meaning = _MEANING.get(word) or _MEANING.get(f"{word}s") or _MEANING.get(word.removesuffix("s"))
        if meaning is not None:
            return meaning
    for word in reversed(words):
        meaning = _of_compound(word)
        if meaning is not None:
            return meaning
    return None


def _of_compound(word: str) -> Meaning | None:
    """Return the meaning of a word that ends in, or counts, a known word, such as ``houseprice``."""
    prefixed = _AS_PREFIX.fullmatch(word)
    if prefixed and _MEANING.get(prefixed[1]) is Meaning.COUNT:
        return Meaning.COUNT
    endings = [known for known in _MEANING if len(known) >= _SHORTEST_ENDING and word.endswith(known)]
    return _MEANING[max(endings, key=len)] if endings else None
