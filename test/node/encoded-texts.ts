/**
 * The beginnings of well-known books in the encodings of the web. The bytes are Python's (`text.encode(…)`, in base64): so
 * what decodes them here is compared with another's work.
 */
export interface EncodedText {
  readonly encoding: string;
  readonly text: string;
  readonly bytes: Buffer;
}

const of = (encoding: string, text: string, base64: string): EncodedText => ({
  encoding,
  text,
  bytes: Buffer.from(base64, "base64"),
});

export const ENCODED_TEXTS: readonly EncodedText[] = [
  of(
    "utf-8",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。しかもあとで聞くとそれは書生という人間中で一番獰悪な種族であったそうだ。",
    "5ZC+6Lyp44Gv54yr44Gn44GC44KL44CC5ZCN5YmN44Gv44G+44Gg54Sh44GE44CC44Gp44GT44Gn55Sf44KM44Gf44GL44Go44KT44Go6KaL5b2T44GM44Gk44GL44Gs44CC5L2V44Gn44KC6JaE5pqX44GE44GY44KB44GY44KB44GX44Gf5omA44Gn44OL44Oj44O844OL44Oj44O85rOj44GE44Gm44GE44Gf5LqL44Gg44GR44Gv6KiY5oa244GX44Gm44GE44KL44CC5ZC+6Lyp44Gv44GT44GT44Gn5aeL44KB44Gm5Lq66ZaT44Go44GE44GG44KC44Gu44KS6KaL44Gf44CC44GX44GL44KC44GC44Go44Gn6IGe44GP44Go44Gd44KM44Gv5pu455Sf44Go44GE44GG5Lq66ZaT5Lit44Gn5LiA55Wq542w5oKq44Gq56iu5peP44Gn44GC44Gj44Gf44Gd44GG44Gg44CC",
  ),
  of(
    "utf-16le",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Всё смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, и объявила мужу, что не может жить с ним в одном доме.",
    "EgRBBDUEIABBBEcEMARBBEIEOwQ4BDIESwQ1BCAAQQQ1BDwETAQ4BCAAPwQ+BEUEPgQ2BDgEIAA0BEAEQwQzBCAAPQQwBCAANARABEMEMwQwBCwAIAA6BDAENgQ0BDAETwQgAD0ENQRBBEcEMARBBEIEOwQ4BDIEMARPBCAAQQQ1BDwETARPBCAAPQQ1BEEERwQwBEEEQgQ7BDgEMgQwBCAAPwQ+BC0AQQQyBD4ENQQ8BEMELgAgABIEQQRRBCAAQQQ8BDUESAQwBDsEPgRBBEwEIAAyBCAANAQ+BDwENQQgAB4EMQQ7BD4EPQRBBDoEOARFBC4AIAAWBDUEPQQwBCAAQwQ3BD0EMAQ7BDAELAAgAEcEQgQ+BCAAPARDBDYEIAAxBEsEOwQgADIEIABBBDIETwQ3BDgEIABBBCAAMQRLBDIESAQ1BE4EIAAyBCAAOARFBCAANAQ+BDwENQQgAEQEQAQwBD0ERgRDBDYENQQ9BDoEPgROBC0AMwRDBDIENQRABD0EMAQ9BEIEOgQ+BDkELAAgADgEIAA+BDEESgRPBDIEOAQ7BDAEIAA8BEMENgRDBCwAIABHBEIEPgQgAD0ENQQgADwEPgQ2BDUEQgQgADYEOARCBEwEIABBBCAAPQQ4BDwEIAAyBCAAPgQ0BD0EPgQ8BCAANAQ+BDwENQQuAA==",
  ),
  of(
    "utf-16be",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Всё смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, и объявила мужу, что не может жить с ним в одном доме.",
    "BBIEQQQ1ACAEQQRHBDAEQQRCBDsEOAQyBEsENQAgBEEENQQ8BEwEOAAgBD8EPgRFBD4ENgQ4ACAENARABEMEMwAgBD0EMAAgBDQEQARDBDMEMAAsACAEOgQwBDYENAQwBE8AIAQ9BDUEQQRHBDAEQQRCBDsEOAQyBDAETwAgBEEENQQ8BEwETwAgBD0ENQRBBEcEMARBBEIEOwQ4BDIEMAAgBD8EPgAtBEEEMgQ+BDUEPARDAC4AIAQSBEEEUQAgBEEEPAQ1BEgEMAQ7BD4EQQRMACAEMgAgBDQEPgQ8BDUAIAQeBDEEOwQ+BD0EQQQ6BDgERQAuACAEFgQ1BD0EMAAgBEMENwQ9BDAEOwQwACwAIARHBEIEPgAgBDwEQwQ2ACAEMQRLBDsAIAQyACAEQQQyBE8ENwQ4ACAEQQAgBDEESwQyBEgENQROACAEMgAgBDgERQAgBDQEPgQ8BDUAIAREBEAEMAQ9BEYEQwQ2BDUEPQQ6BD4ETgAtBDMEQwQyBDUEQAQ9BDAEPQRCBDoEPgQ5ACwAIAQ4ACAEPgQxBEoETwQyBDgEOwQwACAEPARDBDYEQwAsACAERwRCBD4AIAQ9BDUAIAQ8BD4ENgQ1BEIAIAQ2BDgEQgRMACAEQQAgBD0EOAQ8ACAEMgAgBD4ENAQ9BD4EPAAgBDQEPgQ8BDUALg==",
  ),
  of(
    "gb18030",
    "道可道，非常道。名可名，非常名。无名天地之始；有名万物之母。故常无，欲以观其妙；常有，欲以观其徼。此两者，同出而异名，同谓之玄。玄之又玄，众妙之门。天下皆知美之为美，斯恶已。皆知善之为善，斯不善已。有无相生，难易相成，长短相形，高下相盈。",
    "tcC/ybXAo6y3x7OjtcCho8P7v8nD+6Ost8ezo8P7oaPO3sP7zOy12Nauyryju9PQw/vN8s7v1q7EuKGjucqzo87eo6zT+9LUudvG5MPuo7uzo9PQo6zT+9LUudvG5OHooaO0y8G91d+jrM2ss/a2+NLsw/ujrM2szr3WrtD+oaPQ/tau09bQ/qOs1trD7tauw8Who8zsz8K91Naqw8DWrs6qw8CjrMu5tvHS0aGjvdTWqsnG1q7OqsnGo6zLubK7ycbS0aGj09DO3s/gyfqjrMTR0tfP4LPJo6yzpLbMz+DQzqOsuN/Pws/g06+how==",
  ),
  of(
    "big5",
    "道可道，非常道。名可名，非常名。無名天地之始；有名萬物之母。故常無，欲以觀其妙；常有，欲以觀其徼。此兩者，同出而異名，同謂之玄。玄之又玄，眾妙之門。天下皆知美之為美，斯惡已。皆知善之為善，斯不善已。有無相生，難易相成，長短相形，高下相盈。",
    "uUSlablEoUGrRLFguUShQ6ZXpWmmV6FBq0SxYKZXoUO1TKZXpNGmYaSnqWyhRqazple4VaqrpKelwKFDrEexYLVMoUGx/aVIxluo5KeuoUaxYKazoUGx/aVIxluo5Ol1oUOmuajiqsyhQaZQpVim07KnplehQaZQv9ekp6XIoUOlyKSnpFOlyKFBsrOnrqSnqvmhQ6TRpFWs0qq+rPykp6ywrPyhQbS1tGOkd6FDrNKqvrW9pKessLW9oUG0taSjtb2kd6FDprO1TKzbpc2hQcP4qfas26aooUGq+LV1rNunzqFBsKqkVazbrNWhQw==",
  ),
  of(
    "shift_jis",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。しかもあとで聞くとそれは書生という人間中で一番獰悪な種族であったそうだ。",
    "jOGUeYLNlEyCxYKggumBQpa8kU+CzYLcgr6Ws4KigUKCx4KxgsWQtoLqgr2CqYLGgvGCxoypk5aCqoLCgqmCyoFCib2CxYLglJaIw4KigraC34K2gt+CtYK9j4qCxYNqg4OBW4Nqg4OBW4uDgqKCxIKigr2OloK+gq+CzYtMia+CtYLEgqKC6YFCjOGUeYLNgrGCsYLFjm6C34LEkGyK1ILGgqKCpILggsyC8Iypgr2BQoK1gqmC4IKggsaCxZW3gq2CxoK7guqCzY+RkLaCxoKigqSQbIrUkoaCxYjqlNTg1oirgsiO7ZGwgsWCoILBgr2Cu4Kkgr6BQg==",
  ),
  of(
    "euc-jp",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。吾輩はここで始めて人間というものを見た。しかもあとで聞くとそれは書生という人間中で一番獰悪な種族であったそうだ。",
    "uOPH2qTPx62kx6SipOuho8y+wbCkz6TepMDMtaSkoaOkyaSzpMfAuKTspL+kq6TIpPOkyLirxfakrKTEpKukzKGjsr+kx6Tix/awxaSkpLik4aS4pOGkt6S/veqkx6XLpeOhvKXLpeOhvLXjpKSkxqSkpL+79qTApLGkz7WtsrGkt6TGpKSk66GjuOPH2qTPpLOks6THu8+k4aTGv8201qTIpKSkpqTipM6k8rirpL+ho6S3pKuk4qSipMikx8q5pK+kyKS9pOykz73xwLikyKSkpKa/zbTWw+akx7DsyNbg2LCtpMq878KypMekoqTDpL+kvaSmpMChow==",
  ),
  of(
    "euc-kr",
    "나는 고양이로소이다. 이름은 아직 없다. 어디서 태어났는지 도무지 짐작이 가지 않는다. 어두컴컴하고 축축한 곳에서 야옹야옹 울고 있었던 것만은 기억하고 있다. 나는 여기서 처음으로 사람이라는 것을 보았다. 나중에 들으니 그것은 서생이라는 사람이었다.",
    "s6q0wiCw7b7nwMy3zrzSwMy02S4gwMy4p8C6IL7Gwfcgvvi02S4gvu618LytIMXCvu6ztbTCwfYgtbW5q8H2IMH8wNvAzCCwocH2IL7KtMK02S4gvu61zsTExMTHz7DtIMPgw+DH0SCw97+hvK0gvt+/y77fv8sgv++w7SDA1r76tPggsM24uMC6ILHivu/Hz7DtIMDWtNkuILOqtMIgv6mx4rytIMOzwL3AuLfOILvntvfAzLbztMIgsM3AuyC6uL7StNkuILOqwd+/oSC16cC4tM8gsdewzcC6ILytu/3AzLbztMIgu+e298DMvvq02S4=",
  ),
  of(
    "koi8-r",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Все смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, и объявила мужу, что не может жить с ним в одном доме.",
    "99PFINPewdPUzMnX2cUg08XN2Mkg0M/Iz9bJIMTS1ccgzsEgxNLVx8EsIMvB1sTB0SDOxdPewdPUzMnXwdEg08XN2NEgzsXT3sHT1MzJ18Eg0M8t09fPxc3VLiD308Ug083F28HMz9PYINcgxM/NxSDvwszPztPLycguIPbFzsEg1drOwczBLCDe1M8gzdXWIMLZzCDXINPX0drJINMgwtnX28XAINcgycggxM/NxSDG0sHOw9XWxc7Lz8Atx9XXxdLOwc7Uy8/KLCDJIM/C39HXyczBIM3V1tUsIN7UzyDOxSDNz9bF1CDWydTYINMgzsnNINcgz8TOz80gxM/NxS4=",
  ),
  of(
    "windows-1251",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Всё смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, и объявила мужу, что не может жить с ним в одном доме.",
    "wvHlIPH34PHy6+ji++Ug8eXs/Ogg7+717uboIOTw8+Mg7eAg5PDz4+AsIOrg5uTg/yDt5fH34PHy6+ji4P8g8eXs/P8g7eXx9+Dx8uvo4uAg7+4t8eLu5ezzLiDC8bgg8ezl+ODr7vH8IOIg5O7s5SDO4evu7fHq6PUuIMbl7eAg8+ft4OvgLCD38u4g7PPmIOH76yDiIPHi/+foIPEg4fvi+OX+IOIg6PUg5O7s5SD08ODt9vPm5e3q7v4t4/Pi5fDt4O3y6u7pLCDoIO7h+v/i6OvgIOzz5vMsIPfy7iDt5SDs7ubl8iDm6PL8IPEg7ejsIOIg7uTt7uwg5O7s5S4=",
  ),
  of(
    "windows-1252",
    "„Habe nun, ach! Philosophie, Juristerei und Medizin, und leider auch Theologie durchaus studiert, mit heißem Bemühn.“ Da steh ich nun, ich armer Tor – und bin so klug als wie zuvor; heiße Magister, heiße Doktor gar, und ziehe schon an die zehen Jahr’ herauf, herab und quer und krumm meine Schüler an der Nase herum…",
    "hEhhYmUgbnVuLCBhY2ghIFBoaWxvc29waGllLCBKdXJpc3RlcmVpIHVuZCBNZWRpemluLCB1bmQgbGVpZGVyIGF1Y2ggVGhlb2xvZ2llIGR1cmNoYXVzIHN0dWRpZXJ0LCBtaXQgaGVp32VtIEJlbfxobi6TIERhIHN0ZWggaWNoIG51biwgaWNoIGFybWVyIFRvciCWIHVuZCBiaW4gc28ga2x1ZyBhbHMgd2llIHp1dm9yOyBoZWnfZSBNYWdpc3RlciwgaGVp32UgRG9rdG9yIGdhciwgdW5kIHppZWhlIHNjaG9uIGFuIGRpZSB6ZWhlbiBKYWhykiBoZXJhdWYsIGhlcmFiIHVuZCBxdWVyIHVuZCBrcnVtbSBtZWluZSBTY2j8bGVyIGFuIGRlciBOYXNlIGhlcnVthQ==",
  ),
  of(
    "iso-8859-1",
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite que je n'avais pas le temps de me dire: «Je m'endors.» Et, une demi-heure après, la pensée qu'il était temps de chercher le sommeil m'éveillait; je voulais poser le volume que je croyais avoir encore dans les mains et souffler ma lumière.",
    "TG9uZ3RlbXBzLCBqZSBtZSBzdWlzIGNvdWNo6SBkZSBib25uZSBoZXVyZS4gUGFyZm9pcywg4CBwZWluZSBtYSBib3VnaWUg6XRlaW50ZSwgbWVzIHlldXggc2UgZmVybWFpZW50IHNpIHZpdGUgcXVlIGplIG4nYXZhaXMgcGFzIGxlIHRlbXBzIGRlIG1lIGRpcmU6IKtKZSBtJ2VuZG9ycy67IEV0LCB1bmUgZGVtaS1oZXVyZSBhcHLocywgbGEgcGVuc+llIHF1J2lsIOl0YWl0IHRlbXBzIGRlIGNoZXJjaGVyIGxlIHNvbW1laWwgbSfpdmVpbGxhaXQ7IGplIHZvdWxhaXMgcG9zZXIgbGUgdm9sdW1lIHF1ZSBqZSBjcm95YWlzIGF2b2lyIGVuY29yZSBkYW5zIGxlcyBtYWlucyBldCBzb3VmZmxlciBtYSBsdW1p6HJlLg==",
  ),
];

export function encodedText(encoding: string): EncodedText {
  const found = ENCODED_TEXTS.find((row) => row.encoding === encoding);
  if (found === undefined) throw new Error(`no text in ${encoding}`);
  return found;
}
