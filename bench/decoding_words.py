"""Words of many languages for `bench.decoding`: own lists of everyday, office and place names. Data only."""

# ruff: noqa: E501 (a line for each language)

from typing import Final

WORDS: Final = {
    "Japanese": "契約 会社 は を に の 従業員 有給休暇 取得する できます 東京都 大阪 ください 申請書 提出 毎年 五日 サーバー データ コンピューター 管理者 設定 ファイル 開きます について また ただし 場合 により 支払う 料金 田中 さん 山本 商品 配送 ありがとう ございます 確認 しました 第三条 甲 乙 いたします 新しい 大きな 駅 図書館 電話 番号",
    "Korean": "계약 회사 직원은 매년 휴가를 받을 수 있습니다 서울 부산 신청서를 제출해야 합니다 관리자 설정 파일을 열어 주세요 감사합니다 확인했습니다 제삼조 갑과 을은 다음과 같이 합의한다 김철수 이영희 배송 상품 가격 전화번호 새로운 도서관 학교 학생 그리고 그러나 때문에 대한민국 정부 시장 컴퓨터 데이터 서버",
    "French": "le contrat société employé congés payés année dès été où être forêt français garçon déjà réunion problème système après très élève l'hôtel à la caisse intérêt général dépôt août coûter château réservé par Hélène Noël naïf façon les conditions générales du marché",
    "German": "der Vertrag für Größe Straße Übung müssen können Geschäftsführer Prüfung Kündigung jährlich Höhe während schließen öffnen Käse Bücher München Köln über natürlich Gebühr und die Mitarbeiter erhalten Urlaub äußern Anhänge",
    "Spanish": "el contrato año español reunión información teléfono más también días vacaciones después según niño señor García Peña público número página aquí está médico mañana los empleados reciben cada ¿qué? ¿cómo? ¡atención! artículo",
    "Portuguese": "o contrato não são férias funcionário reunião informação três você também após é lição coração página número São João Conceição público às então mês até português água ação direção empresa cada ano",
    "Italian": "il contratto è perché città società più già così università qualità attività lunedì può verrà però ciò i dipendenti ricevono ogni anno ferie libertà età cioè metà",
    "Danish and Norwegian": "aftalen på år også først når være større får måned København Århus søndag køb løn ændring gælder språk før å gå små grønn blå tjänst medarbejdere ret til ferie hver læse kæmpe",
    "Swedish and Finnish": "avtalet på år också först när större får månad Göteborg söndag köp lön ändring gäller språk för gå små grön blå tjänst työntekijä pitää hyvä päivä Hämeenlinna yötä sää lähetä käyttö äiti öljy",
    "Polish": "umowa spółka pracownik może otrzymać urlop każdego roku się być jest należy dzień źródło żółty święto Łódź Kraków również część więc są ąż ćwiczenie główny zgłoszenie płatność później książka",
    "Czech and Slovak": "smlouva společnost zaměstnanec může dostat dovolenou každý rok příští zítra čtvrtek žádost účet ředitel město Plzeň Dvořák škola říká též již ještě velmi důležité ďalší ľudia môže práce být více",
    "Hungarian": "szerződés cég munkavállaló évente szabadságot kaphat és vagy között később gyűlés köszönöm Győr Székesfehérvár őszi tűz új először idő büntetés összeg határidő értesítés különböző nő fűtés",
    "Romanian": "contractul societăţii angajatul poate primi concediu în fiecare an şi ţară împreună către după fără plată bună ziua Bucureşti Iaşi această între când sărbătoare învăţător preţ maşină",
    "Croatian and Slovene": "ugovor društvo zaposlenik može dobiti odmor svake godine što već također čovjek županija Šibenik Čakovec riječ kuća rođendan podrška tržište učitelj ključ želi više češće če že življenje",
    "Turkish": "sözleşme şirket çalışan her yıl izin alabilir için değil öğrenci İstanbul İzmir güneş büyük küçük Türkiye dağ yağmur ışık çağrı müdür ödeme görüş başvuru sayı kişi",
    "Latvian": "līgums uzņēmums darbinieks katru gadu var saņemt atvaļinājumu un būt tā šis vēl ļoti jūs Rīga Jēkabpils mērķis nākamā lūdzu paldies ģimene ķermenis ņemt žurnāls čehu",
    "Lithuanian": "sutartis įmonė darbuotojas kiekvienais metais gali gauti atostogų ir būti šis yra labai jūs Vilnius Šiauliai tikslas ačiū prašome žmonės gyvenimą dėl už ąžuolas ėjo ūkis įvairių",
    "Estonian": "leping ettevõte töötaja võib igal aastal saada puhkust ja olla see väga teie Tallinn Pärnu eesmärk aitäh palun inimesed elu üle õpilane öö ülikool mõned žanr šokolaad",
    "Vietnamese": "hợp đồng công ty nhân viên mỗi năm được nghỉ phép và không phải Hà Nội thành phố Hồ Chí Minh cảm ơn bạn giá tiền đường sách trường học sinh viên tháng ngày điện thoại",
    "Russian": "договор компания сотрудник имеет право на отпуск каждый год в соответствии с законом Москва Петров Иванова заявление подписать оплата срок это не было что как для работы объект съёмка ещё",
    "Ukrainian": "договір компанія працівник має право на відпустку щороку відповідно до закону Київ Шевченко заява підписати оплата строк це не було що як для роботи їхній є ґрунт",
    "Bulgarian": "договор дружество служител има право на отпуск всяка година съгласно закона София Иванов заявление подписване плащане срок това не беше което как за работа ъгъл също",
    "Serbian": "уговор предузеће запослени има право на одмор сваке године према закону Београд Јовановић захтев потписати плаћање рок то није било што како за посао љубав њега џеп",
    "Greek": "η σύμβαση εταιρεία ο εργαζόμενος δικαιούται άδεια κάθε χρόνο σύμφωνα με τον νόμο Αθήνα Παπαδόπουλος αίτηση υπογραφή πληρωμή και δεν ήταν για την εργασία Ελλάδα Άρθρο Όροι πώς",
    "Hebrew": "החוזה חברה עובד זכאי לחופשה כל שנה לפי החוק ירושלים תל אביב כהן בקשה חתימה תשלום זה לא היה מה איך בשביל העבודה ספר",
    "Arabic": "العقد الشركة يحق للموظف إجازة كل سنة وفقا للقانون القاهرة محمد أحمد طلب توقيع دفع هذا لم يكن ما كيف من أجل العمل مدرسة إلى على الذي",
    "Thai": "สัญญา บริษัท พนักงาน มีสิทธิ ลา ทุกปี ตาม กฎหมาย กรุงเทพ สมชาย คำขอ ลงนาม ชำระเงิน นี้ ไม่ ได้ อะไร อย่างไร เพื่อ การทำงาน หนังสือ โรงเรียน ครับ",
}

# Family and given names: short, and of rare characters.
SIMPLIFIED_NAMES: Final = "王芳 李伟 张秀英 刘洋 陈静 欧阳修文 赵敏 黄磊 周杰 吴昊 徐鑫 孙悦 胡婷婷 朱琳 高翔 林峰 何炜 郭晨曦 马骏 罗毅 诸葛瑾 谢晗 韩梅 唐薇 冯煜 董卓然 萧瑟 程颐 曹颖 袁逸飞"
TRADITIONAL_NAMES: Final = "王芳 李偉 張秀英 劉洋 陳靜 歐陽修文 趙敏 黃磊 周傑 吳昊 徐鑫 孫悅 胡婷婷 朱琳 高翔 林峰 何煒 郭晨曦 馬駿 羅毅 諸葛瑾 謝晗 韓梅 唐薇 馮煜 董卓然 蕭瑟 程頤 曹穎 袁逸飛"
