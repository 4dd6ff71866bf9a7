"""Text for matching: languages told apart, terms of each."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.text import STEMMERS, characters, fold, language_of, runs, words

# A sentence of each language, and two forms of a word that a search must take for one.
SENTENCES = {
    "en": ("Employees are entitled to five days of leave in the first year.", "employees", "employee"),
    "de": ("Die Mitarbeiter haben im ersten Jahr Anspruch auf fünf Tage Urlaub.", "mitarbeitern", "mitarbeiter"),
    "fr": ("Les employés ont droit à cinq jours de congé pendant la première année.", "employés", "employé"),
    "es": ("Los empleados tienen derecho a cinco días de vacaciones en el primer año.", "empleados", "empleado"),
    "pt": ("Os empregados têm direito a cinco dias de férias no primeiro ano de trabalho.", "empregados", "empregado"),
    "it": ("I dipendenti hanno diritto a cinque giorni di ferie nel primo anno.", "dipendenti", "dipendente"),
    "nl": ("De werknemers hebben in het eerste jaar recht op vijf dagen verlof.", "werknemers", "werknemer"),
    "sv": ("De anställda har rätt till fem dagars ledighet under det första året.", "dagarna", "dagar"),
    "da": ("Medarbejderne har ret til fem dages ferie efter det første år, hvis de er ansat.", "dagene", "dage"),
    "fi": ("Työntekijöillä on oikeus viiden päivän lomaan, kun he ovat olleet töissä.", "lomaan", "lomaa"),
    "pl": (
        "Pracownicy mają prawo do pięciu dni urlopu w pierwszym roku, jeśli nie są na okresie.",
        "urlopu",
        "urlopem",
    ),
    "tr": ("Çalışanların ilk yılda beş gün izin hakkı var ve bu hak daha sonra artar.", "günler", "gün"),
    "ru": ("Сотрудники имеют право на пять дней отпуска в первый год работы.", "отпуска", "отпуск"),
    "el": ("Οι εργαζόμενοι δικαιούνται πέντε ημέρες άδειας.", "ημέρες", "ημέρα"),
    "ar": ("يحق للموظفين خمسة أيام إجازة في السنة الأولى.", "إجازة", "الإجازة"),
    "hi": ("कर्मचारियों को पहले वर्ष में पाँच दिन की छुट्टी मिलती है।", "छुट्टियों", "छुट्टियां"),
}
UNSPACED = {
    "ja": ("社員は初年度に五日間の有給休暇を取得できます。", "有給休暇"),
    "ko": ("직원은 첫해에 5일의 연차 휴가를 사용할 수 있습니다.", "연차"),
    "th": ("พนักงานมีสิทธิลาพักร้อนห้าวันในปีแรก", "ลาพักร้อน"),
    "lo": ("ພະນັກງານມີສິດພັກຫ້າວັນໃນປີທຳອິດ", "ພັກຫ້າວັນ"),
    "my": ("ဝန်ထမ်းများသည် ပထမနှစ်တွင် ခွင့်ငါးရက် ရသည်။", "ခွင့်ငါးရက်"),
    "km": ("បុគ្គលិកមានសិទ្ធិឈប់សម្រាកប្រាំថ្ងៃក្នុងឆ្នាំដំបូង", "ឈប់សម្រាក"),
    "zh": ("员工在第一年享有五天年假。", "五天年假"),
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language: str) -> None:
    assert language_of(SENTENCES[language][0]) == language


@pytest.mark.parametrize("language", UNSPACED)
def test_a_script_tells_its_language(language: str) -> None:
    assert language_of(UNSPACED[language][0]) == language


@pytest.mark.parametrize("text", ["", "LF-2301 DN50", "12 345,60 €", "…", "f(x)", "Müller Schmidt Berlin"])
def test_what_tells_nothing_has_no_language(text: str) -> None:
    assert language_of(text) == ""


# What a line of a form or a question has: fewer function words than a sentence. "" is right where nothing is sure.
SHORT = {
    "de": ["Wie viele Tage Urlaub habe ich?", "Der Vertrag endet am 31. Dezember.", "Wo ist die Rechnung?"],
    "fr": ["Combien de jours de congé ai-je ?", "Veuillez envoyer la facture au service comptable."],
    "es": ["¿Cuántos días de vacaciones tengo?", "El aparato debe apagarse antes del mantenimiento."],
    "pt": ["Quantos dias de férias eu tenho?", "O aparelho deve ser desligado antes da manutenção."],
    "it": ["Quanti giorni di ferie ho?", "L'apparecchio deve essere spento prima della manutenzione."],
    "nl": ["Hoeveel vakantiedagen heb ik nog?", "Het contract eindigt op 31 december."],
    "sv": ["Hur många semesterdagar har jag?", "Avtalet upphör att gälla den 31 december."],
    "da": ["Kontrakten udløber den 31. december, hvis den ikke bliver forlænget."],
    "no": ["Kontrakten utløper den 31. desember hvis den ikke blir forlenget."],
    "fi": ["Kuinka monta lomapäivää minulla on?", "Laite on kytkettävä pois päältä ennen huoltoa."],
    "pl": ["Ile dni urlopu mi przysługuje w tym roku?"],
    "cs": ["Kolik dnů dovolené mám v tomto roce?", "Smlouva končí dne 31. prosince, pokud není prodloužena."],
    "hu": ["Hány nap szabadságom van az idén?", "A készüléket ki kell kapcsolni a karbantartás előtt."],
    "ro": ["Câte zile de concediu am în acest an?"],
    "tr": ["Bu yıl kaç gün iznim var?"],
    "id": ["Berapa hari cuti yang saya miliki?", "Perangkat harus dimatikan sebelum perawatan."],
    "ca": ["Quants dies de vacances tinc aquest any?"],
    "et": ["Mitu päeva puhkust mul on?"],
    "ru": ["Сколько у меня дней отпуска?"],
    "uk": ["Скільки днів відпустки я маю?"],
    "el": ["Πόσες ημέρες άδειας έχω;"],
    "he": ["כמה ימי חופשה יש לי?"],
    "fa": ["چند روز مرخصی دارم؟"],
    "ja": [
        "有給休暇は何日ありますか。",
        "データベース管理システム",
        "日米首脳会談を開催へ",
        "第三条の規定に基づく許可申請書",
    ],
    "ko": ["연차 휴가는 며칠입니까?"],
    "zh": [
        "我有多少天年假？",
        "電影《孤独のグルメ》在東京上映。",
        "《スラムダンク》是日本漫画家井上雄彦的作品，ＮＢＡ迷也喜欢。",
    ],
    "en": [
        "How many days of leave do I have?",
        "Leave policy of the Berlin office",
        "Ｔｈｅ ｃｏｎｔｒａｃｔ ends on 31 December.",
    ],
}


@pytest.mark.parametrize("language", SHORT)
def test_a_short_text_tells_its_language(language: str) -> None:
    assert {text: language_of(unicodedata.normalize("NFKC", text)) for text in SHORT[language]} == dict.fromkeys(
        SHORT[language], language
    )


@pytest.mark.parametrize(
    "text",
    [
        "Professional sports teams in Southern California: Los Angeles Rams, Los Angeles Lakers, Los Angeles Clippers",
        "What administration did Ludwig Mies van der Rohe design a building for?",
        "Politics: Al Gore, George W. Bush and Van Buren; economics: Milton Friedman, a major advisor to Republicans.",
        "Garcia, M. de la; van der Berg, P. et al.: Methods for the study of boundary layers, in: J. Fluid Mech. 12",
        "So, in a strict sense, a private school is an unaided independent school.",
        "for many wing plan forms, considerable gains over a plane wing appear possible .",
        "Pod Security to see",
    ],
)
def test_names_in_english_texts_make_no_other_language(text: str) -> None:
    assert language_of(text) == "en"


def test_languages_in_other_texts_do_not_decide() -> None:
    assert language_of("依據勞動基準法，特別休假（annual leave）自到職日起算。") == "zh"
    assert language_of("公司名称为「株式会社の例」，注册地在北京，员工享有五天年假，试用期三个月。") == "zh"
    assert language_of("The employee handbook (员工手册) says how many days of leave there are.") == "en"


@pytest.mark.parametrize("language", SENTENCES)
def test_forms_of_a_word_are_one_term(language: str) -> None:
    _, one, other = SENTENCES[language]
    assert words(fold(one), language) == words(fold(other), language)


@pytest.mark.parametrize("language", UNSPACED)
def test_a_part_of_a_text_without_spaces_is_found_in_it(language: str) -> None:
    text, part = UNSPACED[language]
    assert set(words(fold(part), language)) <= set(words(fold(text), language))


def test_marks_stay_with_their_letters() -> None:
    for text in ("พนักงาน", "कर्मचारियों", "ពាក្យ"):
        assert not [term for term in words(fold(text), "") if unicodedata.category(term[0]).startswith("M")]
    assert runs(fold("कर्मचारियों को")) == ["कर्मचारियों", "को"]


def test_vowel_points_may_be_left_out() -> None:
    assert words(fold("שָׁלוֹם"), "he") == words(fold("שלום"), "he")
    assert words(fold("كِتَابٌ"), "ar") == words(fold("كتاب"), "ar")


def test_every_stemmer_is_there() -> None:
    for language in STEMMERS:
        assert words("abc", language)


def test_english_function_words_are_left_out_unless_they_are_all() -> None:
    assert words("what is the leave") == ["leav"]
    assert words("who is it") == ["who", "is", "it"]


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.sampled_from(["", "en", "de", "th", "zh", "ar"]))
def test_terms_hold_no_white_space_and_no_punctuation(text: str, language: str) -> None:
    for term in words(fold(text), language) + characters(fold(text)):
        assert term
        assert not any(c.isspace() for c in term)
