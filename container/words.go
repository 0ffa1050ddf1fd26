package container

// adjectives are the first half of made-up names.
var adjectives = [...]string{
	"able", "agile", "amber", "apt", "ardent", "astute", "attentive", "balanced", "bold", "brave", "bright", "brisk",
	"calm", "candid", "careful", "cheerful", "clear", "clever", "cogent", "composed", "cosmic", "crisp", "curious",
	"daring", "dazzled", "deft", "diligent", "eager", "earnest", "easy", "elated", "elegant", "eloquent", "epic",
	"exact", "fair", "fearless", "festive", "firm", "focused", "fond", "frank", "fresh", "friendly", "gallant",
	"gentle", "gifted", "glad", "golden", "graceful", "grand", "happy", "hardy", "hearty", "helpful", "honest",
	"hopeful", "humble", "infallible", "inspired", "intent", "jolly", "jovial", "joyful", "keen", "kind", "laughing",
	"lively", "loving", "lucid", "mellow", "merry", "mild", "modest", "mystic", "neat", "nice", "nimble", "noble",
	"open", "patient", "peaceful", "pensive", "placid", "polite", "practical", "prudent", "quick", "quiet", "quirky",
	"ready", "relaxed", "reliable", "serene", "sharp", "silent", "sleepy", "smart", "sober", "spry", "stoic", "strange",
	"sunny", "sure", "sweet", "swift", "tender", "trusting", "upbeat", "vibrant", "vigilant", "vigorous", "vivid",
	"warm", "wise", "witty", "wonderful", "zealous", "zen",
}

// surnames are those of scientists and engineers, the second half of made-up names.
var surnames = [...]string{
	"abel", "adams", "agnesi", "aitken", "allen", "almeida", "ampere", "anning", "archimedes", "aryabhata", "austin",
	"babbage", "banach", "banzai", "bardeen", "bartik", "bassi", "beaver", "becquerel", "bell", "bernoulli", "bhabha",
	"bhaskara", "blackwell", "bohr", "boltzmann", "boole", "booth", "borel", "borg", "bose", "bouman", "brahe",
	"brahmagupta", "brattain", "brown", "buck", "burnell", "cannon", "cantor", "carson", "cartwright", "cauchy",
	"cavendish", "cerf", "chandrasekhar", "chaplygin", "chatelet", "chaum", "chebyshev", "church", "clarke", "codd",
	"cohen", "colden", "cori", "cray", "curie", "curran", "darwin", "davinci", "dedekind", "dewdney", "dhawan",
	"diffie", "dijkstra", "dirac", "driscoll", "dubinsky", "easley", "edison", "einstein", "elbakyan", "elgamal",
	"elion", "engelbart", "erdos", "euclid", "euler", "faraday", "feistel", "fermat", "fermi", "feynman", "fourier",
	"franklin", "frege", "gagarin", "galileo", "galois", "ganguly", "gates", "gauss", "germain", "gibbs", "godel",
	"goldberg", "goldstine", "goldwasser", "golick", "goodall", "gould", "greider", "grothendieck", "haibt", "hamilton",
	"haslett", "hawking", "heisenberg", "hellman", "hermann", "herschel", "hertz", "heyrovsky", "hilbert", "hodgkin",
	"hoover", "hopper", "hugle", "huygens", "hypatia", "ishizaka", "jackson", "jang", "jemison", "jennings", "jepsen",
	"johnson", "joliot", "jones", "kalam", "kapitsa", "kare", "keldysh", "keller", "kepler", "khayyam", "khorana",
	"kilby", "kirch", "knuth", "kovalevskaya", "lagrange", "lalande", "lamarr", "lamport", "laplace", "leakey",
	"leavitt", "lederberg", "lehmann", "leibniz", "lewin", "lichterman", "liskov", "lovelace", "lumiere", "mahavira",
	"margulis", "matsumoto", "maxwell", "mayer", "mccarthy", "mcclintock", "mclean", "mcnulty", "meitner", "mendel",
	"mendeleev", "meninsky", "merkle", "mestorf", "mirzakhani", "montalcini", "moore", "morse", "moser", "murdock",
	"napier", "nash", "neumann", "newton", "nightingale", "nobel", "noether", "northcutt", "noyce", "panini", "pare",
	"pascal", "pasteur", "payne", "perlman", "pike", "poincare", "poitras", "proskuriakova", "ptolemy", "raman",
	"ramanujan", "rhodes", "ride", "riemann", "ritchie", "robinson", "roentgen", "rosalind", "rubin", "saha", "sammet",
	"sanderson", "satoshi", "shamir", "shannon", "shaw", "shirley", "shockley", "shtern", "sinoussi", "snyder",
	"solomon", "spence", "stonebraker", "sutherland", "swanson", "swartz", "swirles", "taussig", "tereshkova", "tesla",
	"tharp", "thompson", "torvalds", "tu", "turing", "varahamihira", "vaughan", "villani", "visvesvaraya", "volhard",
	"wescoff", "wilbur", "wiles", "williams", "williamson", "wilson", "wing", "wozniak", "wright", "wu", "yalow",
	"yonath", "zhukovsky",
}
