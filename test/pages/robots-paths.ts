/** The first half of what robots.txt files mean: how a path is compared, and which of several rules wins. */
export interface RobotsCase {
  /** The rule that decides. */
  readonly rule: string;
  readonly file: string;
  readonly allowed?: readonly string[];
  readonly refused?: readonly string[];
}

/** All lines in a group for everybody. */
export const all = (...lines: string[]): string => ["User-agent: *", ...lines].join("\n");

const PATHS: readonly RobotsCase[] = [
  { rule: "an empty file allows all", file: "", allowed: ["/", "/a", "/a?b=c"] },
  { rule: "blank lines and comments are no rules", file: "\n \n# Disallow: /\n\t\n", allowed: ["/", "/a"] },
  { rule: "`/` is everything", file: all("Disallow: /"), refused: ["/", "/a", "/a/b.html", "/?q=1", "//a"] },
  { rule: "an empty Disallow refuses nothing", file: all("Disallow:"), allowed: ["/", "/a"] },
  { rule: "an empty Allow allows nothing", file: all("Disallow: /", "Allow:"), refused: ["/", "/a"] },
  {
    rule: "a path is a beginning",
    file: all("Disallow: /fish"),
    refused: [
      "/fish",
      "/fish.html",
      "/fish/salmon.html",
      "/fishheads",
      "/fishheads/yummy.html",
      "/fish.php?id=anything",
    ],
    allowed: ["/Fish.asp", "/catfish", "/?id=fish", "/desert/fish", "/"],
  },
  {
    rule: "a star at the end adds nothing",
    file: all("Disallow: /fish*"),
    refused: ["/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fish.php?id=anything"],
    allowed: ["/Fish.asp", "/catfish", "/?id=fish"],
  },
  {
    rule: "a slash at the end means what is below",
    file: all("Disallow: /fish/"),
    refused: ["/fish/", "/fish/?id=anything", "/fish/salmon.htm", "/fish//"],
    allowed: ["/fish", "/fish.html", "/animals/fish/", "/Fish/Salmon.asp"],
  },
  {
    rule: "a star is any run of characters",
    file: all("Disallow: /*.php"),
    refused: [
      "/index.php",
      "/filename.php",
      "/folder/filename.php",
      "/folder/filename.php?parameters",
      "/folder/any.php.file.html",
      "/filename.php/",
    ],
    allowed: ["/", "/windows.PHP", "/php", "/a.ph"],
  },
  {
    rule: "a dollar at the end is the end",
    file: all("Disallow: /*.php$"),
    refused: ["/filename.php", "/folder/filename.php", "/.php"],
    allowed: ["/filename.php?parameters", "/filename.php/", "/filename.php5", "/windows.PHP"],
  },
  {
    rule: "stars stand within",
    file: all("Disallow: /fish*.php"),
    refused: ["/fish.php", "/fishheads/catfish.php?parameters", "/fish/a/b.phpx"],
    allowed: ["/Fish.PHP", "/fish", "/afish.php"],
  },
  {
    rule: "a star may be nothing",
    file: all("Disallow: /a*b*c"),
    refused: ["/abc", "/a-b-c", "/aabbcc", "/a/b/c/d"],
    allowed: ["/ab", "/acb", "/cba"],
  },
  {
    rule: "stars in a row are one",
    file: all("Disallow: /a**b***c$"),
    refused: ["/abc", "/axbxc"],
    allowed: ["/abcd", "/ac"],
  },
  {
    rule: "a star takes slashes and question marks, too",
    file: all("Disallow: /*/private?*=1"),
    refused: ["/x/private?a=1", "/x/y/private?b=0&a=1"],
    allowed: ["/private?a=1", "/x/private", "/x/private?a=2"],
  },
  {
    rule: "a star that must go back finds the later place",
    file: all("Disallow: /*aab$"),
    refused: ["/aaab", "/aabaab"],
    allowed: ["/aabb", "/aaba"],
  },
  {
    rule: "`/$` is the front page alone",
    file: all("Disallow: /$"),
    refused: ["/"],
    allowed: ["/a", "/?q", "/index.html"],
  },
  { rule: "`/*` is everything", file: all("Disallow: /*"), refused: ["/", "/a"] },
  { rule: "`*` without a slash is everything", file: all("Disallow: *"), refused: ["/", "/a/b"] },
  { rule: "`*x` is what has an x", file: all("Disallow: *x"), refused: ["/x", "/a/x/y"], allowed: ["/", "/a"] },
  { rule: "a path without a slash begins no path", file: all("Disallow: fish"), allowed: ["/fish", "/", "/a/fish"] },
  {
    rule: "a dollar within is a dollar",
    file: all("Disallow: /a$b", "Disallow: /c$$"),
    refused: ["/a$b", "/a$bc", "/a%24b", "/c$"],
    allowed: ["/a", "/ab", "/c", "/c$d", "/c$$"],
  },
  {
    rule: "other signs of patterns are themselves",
    file: all("Disallow: /a.b", "Disallow: /c+d", "Disallow: /e(f)", "Disallow: /g|h", "Disallow: /i[j]"),
    refused: ["/a.b", "/c+d", "/e(f)", "/g|h", "/i[j]"],
    allowed: ["/axb", "/ccd", "/ef", "/g", "/h", "/ij"],
  },
  {
    rule: "a path is compared in its case",
    file: all("Disallow: /Private"),
    refused: ["/Private"],
    allowed: ["/private", "/PRIVATE"],
  },
  {
    rule: "the question belongs to the path",
    file: all("Disallow: /search?q="),
    refused: ["/search?q=", "/search?q=x"],
    allowed: ["/search", "/search/?q=x", "/search?p=1&q=x"],
  },
  {
    rule: "an exact question",
    file: all("Disallow: /*?id=1$"),
    refused: ["/?id=1", "/a?id=1"],
    allowed: ["/?id=12", "/a?id=1&b=2"],
  },
  {
    rule: "a fragment is no part of what is asked",
    file: all("Disallow: /a$", "Disallow: /b#x"),
    refused: ["/a#top", "/b", "/bc"],
    allowed: ["/ab#top"],
  },
  {
    rule: "dots in a path are resolved before",
    file: all("Disallow: /private/"),
    refused: ["/public/../private/a", "/private/./b", "/./private/", "/a/%2e%2e/private/x"],
    allowed: ["/private/../public"],
  },
  { rule: "slashes are not folded", file: all("Disallow: //a"), refused: ["//a", "//a/b"], allowed: ["/a", "/"] },
  {
    rule: "robots.txt itself is always allowed",
    file: all("Disallow: /"),
    allowed: ["/robots.txt"],
    refused: ["/robots.txt.bak", "/a/robots.txt", "/Robots.txt"],
  },
];

const PRECEDENCE: readonly RobotsCase[] = [
  {
    rule: "the longest rule wins",
    file: all("Disallow: /", "Allow: /p"),
    allowed: ["/page", "/p"],
    refused: ["/", "/q"],
  },
  { rule: "and not the first", file: all("Allow: /p", "Disallow: /"), allowed: ["/page", "/p"], refused: ["/", "/q"] },
  {
    rule: "nor the last",
    file: all("Disallow: /a/b", "Allow: /a", "Disallow: /"),
    allowed: ["/a", "/a/c"],
    refused: ["/a/b", "/b"],
  },
  {
    rule: "of equals, Allow wins",
    file: all("Disallow: /folder", "Allow: /folder"),
    allowed: ["/folder", "/folder/page"],
  },
  {
    rule: "wherever it stands",
    file: all("Allow: /folder", "Disallow: /folder"),
    allowed: ["/folder", "/folder/page"],
  },
  {
    rule: "equals in length alone, too",
    file: all("Disallow: /*b", "Allow: /a*"),
    allowed: ["/ab", "/a", "/axb"],
    refused: ["/b", "/xb"],
  },
  {
    rule: "a star counts as a character",
    file: all("Allow: /page", "Disallow: /*.htm"),
    refused: ["/page.htm", "/page.html", "/x.htm"],
    allowed: ["/page", "/page.txt"],
  },
  {
    rule: "the same, of equal length",
    file: all("Allow: /page", "Disallow: /*.ph"),
    allowed: ["/page.php5"],
    refused: ["/x.php5"],
  },
  {
    rule: "a dollar counts as a character",
    file: all("Allow: /$", "Disallow: /"),
    allowed: ["/"],
    refused: ["/page.htm", "/a"],
  },
  {
    rule: "what the RFC shows (5.1)",
    file: all("Allow: /example/page/", "Disallow: /example/page/disallowed.gif"),
    allowed: ["/example/page/", "/example/page/a.gif", "/other"],
    refused: ["/example/page/disallowed.gif"],
  },
  {
    rule: "three deep",
    file: all("Disallow: /a", "Allow: /a/b", "Disallow: /a/b/c", "Allow: /a/b/c/d"),
    refused: ["/a", "/a/x", "/a/b/c", "/a/b/c/e"],
    allowed: ["/a/b", "/a/b/x", "/a/b/c/d/e", "/"],
  },
  {
    rule: "an escape counts as it is compared",
    file: all("Disallow: /%61bc", "Allow: /abcd"),
    refused: ["/abc"],
    allowed: ["/abcd"],
  },
];

const ESCAPES: readonly RobotsCase[] = [
  {
    rule: "what is no ASCII is its UTF-8, escaped",
    file: all("Disallow: /foo/bar/ツ"),
    refused: ["/foo/bar/ツ", "/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84", "/foo/bar/ツツ"],
    allowed: ["/foo/bar/", "/foo/bar/%E3%83"],
  },
  {
    rule: "and the other way",
    file: all("Disallow: /foo/bar/%E3%83%84"),
    refused: ["/foo/bar/ツ", "/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"],
    allowed: ["/foo/bar/ッ"],
  },
  {
    rule: "escapes have no case",
    file: all("Disallow: /a%3cd.html"),
    refused: ["/a%3cd.html", "/a%3Cd.html", "/a<d.html"],
    allowed: ["/a%3dd.html", "/acd.html"],
  },
  { rule: "capitals, too", file: all("Disallow: /a%3Cd.html"), refused: ["/a%3cd.html", "/a%3Cd.html"] },
  {
    rule: "a letter that is escaped is that letter (RFC 9309, 2.2.2)",
    file: all("Disallow: /foo/bar/%62%61%7A"),
    refused: ["/foo/bar/baz", "/foo/bar/%62%61%7a", "/foo/bar/b%61z"],
    allowed: ["/foo/bar/BAZ"],
  },
  {
    rule: "and in the address",
    file: all("Disallow: /~joe/-_.html"),
    refused: ["/~joe/-_.html", "/%7Ejoe/%2D%5f%2ehtml", "/%7ejoe/-_.html"],
    allowed: ["/joe/"],
  },
  {
    rule: "a slash that is escaped parts nothing",
    file: all("Disallow: /a%2fb"),
    refused: ["/a%2fb", "/a%2Fb.html"],
    allowed: ["/a/b", "/a/b.html"],
  },
  { rule: "nor is a slash an escaped one", file: all("Disallow: /a/b"), refused: ["/a/b"], allowed: ["/a%2fb"] },
  {
    rule: "%2A is a star that is meant (RFC 9309, 2.2.3)",
    file: all("Disallow: /path/file-with-a-%2A.html"),
    refused: ["/path/file-with-a-*.html", "/path/file-with-a-%2a.html"],
    allowed: ["/path/file-with-a-x.html", "/path/file-with-a-.html"],
  },
  {
    rule: "%24 is a dollar that is meant (RFC 9309, 2.2.3)",
    file: all("Disallow: /path/foo-%24"),
    refused: ["/path/foo-$", "/path/foo-%24", "/path/foo-$5"],
    allowed: ["/path/foo-"],
  },
  { rule: "a wild star finds a star, too", file: all("Disallow: /a*c$"), refused: ["/a*c", "/a%2Ac", "/abc"] },
  {
    rule: "a percent sign that is escaped stays so",
    file: all("Disallow: /100%25"),
    refused: ["/100%25", "/100%2500"],
    allowed: ["/100", "/1000"],
  },
  { rule: "a percent sign alone is one", file: all("Disallow: /100%/x"), refused: ["/100%/x"], allowed: ["/100"] },
  {
    rule: "a space and its escape are one",
    file: all("Disallow: /my files/"),
    refused: ["/my%20files/a", "/my files/b"],
    allowed: ["/my", "/my+files/"],
  },
  {
    rule: "quotes, too, wherever they stand",
    file: all("Disallow: /it's", 'Disallow: /*?q="x"', "Disallow: /*?p='"),
    refused: ["/it's", "/it%27s", '/a?q="x"', "/a?q=%22x%22", "/a?p='1'"],
    allowed: ["/its", "/a?q=x"],
  },
  {
    rule: "a question mark that is escaped asks nothing",
    file: all("Disallow: /a?b"),
    refused: ["/a?b"],
    allowed: ["/a%3Fb"],
  },
  { rule: "beyond the basic plane", file: all("Disallow: /😀"), refused: ["/😀", "/%F0%9F%98%80"], allowed: ["/😁"] },
  {
    rule: "accents as they are written",
    file: all("Disallow: /caf\u00e9"),
    refused: ["/caf\u00e9", "/caf%C3%A9"],
    allowed: ["/cafe", "/cafe\u0301"],
  },
];

export const PATH_CASES: readonly RobotsCase[] = [...PATHS, ...PRECEDENCE, ...ESCAPES];
