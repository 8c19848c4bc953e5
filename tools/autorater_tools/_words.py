"""Lists of English words by what they do in a prompt; chosen by hand. Used by `_phrases` and `edit_scope`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBERS = {
    **{"a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "couple": 2, "pair": 2, "both": 2, "three": 3, "four": 4},
    **{"five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12},
}
"""How many a word in front of a noun asks for."""

QUANTITIES = _words(
    """some any each every few many several multiple numerous lots lot bunch group groups set row rows pile stack
    crowd herd flock bundle piece pieces slice slices bit part parts half other another all more less number kind
    kinds sort sorts type types single couple pair pairs dozen dozens hundreds thousands"""
)
"""Words of quantity: never part of a phrase, and what follows them is."""

FUNCTION = _words(
    """the this that these those and or but nor so yet with without within of on in at by to from for into onto over
    under above below beneath underneath between behind beside besides next near nearby inside outside through
    throughout across along around against among amid amidst toward towards during before after until while when
    where which who whom whose what how why if then than as like upon off up down out away is are was were be been
    being am it its itself he she they them his her hers their theirs him i me my we us our you your there here not
    no never only just also too very quite rather really so such do does did done has have had having can could may
    might must shall should will would please left right top bottom front back side middle center centre corner edge
    foreground background beyond via per plus versus instead same about both either neither again still already
    together apart ahead aside"""
)
"""Words between phrases. Places ("left", "top") are among them: they say where, not what."""

VERBS = _words(
    """add remove delete erase replace swap change make turn convert transform put place insert move shift rotate
    flip crop resize enlarge shrink extend fill paint colour color recolour recolor draw write render generate create
    design show showing depict depicts depicting keep preserve maintain let give use apply adjust increase decrease
    reduce improve enhance fix repair restore edit modify alter clean blur sharpen brighten darken lighten cut paste
    hide cover uncover open close wear wears worn hold holds held carry carries ride rides sit sits sat stand stands
    stood lie lies lay lays walk walks run runs jump jumps fly flies swim swims eat eats drink drinks play plays look
    looks watch watches sleep sleeps lean leans hang hangs float floats fall falls grow grows feature features
    featuring contain contains include includes including surround surrounds surrounded see seen says say read reads
    reading saying written labeled labelled titled called named made filled covered decorated dressed based set want
    wants need needs become becomes get gets take takes bring brings seem seems appear appears located situated
    placed positioned arranged holding wearing riding sitting standing lying"""
)
"""Verbs of instructions and of scenes: what is done, not what is seen."""

STYLE = _words(
    """photo photos photograph photographs photography photorealistic photorealism picture pictures image images
    illustration illustrations painting drawing sketch render rendering artwork art digital style styled scene view
    shot closeup close-up portrait-style macro bokeh wallpaper poster-style masterpiece cinematic lighting light-filled
    detail details detailed intricate realistic realism hyperrealistic ultrarealistic surreal surrealist abstract
    impressionist cubist minimalist watercolor watercolour cartoon anime comic pixel-art 3d 2d 4k 8k 16k hd uhd hdr
    high-resolution resolution high-quality quality best ultra award-winning professional trending artstation
    unreal engine octane raytracing vray dslr canon nikon 35mm 50mm 85mm f/1.8 depth field aesthetic vibrant moody
    atmospheric dramatic mood tone tones theme composition perspective angle version effect effects look appearance
    color colour colors colours shape size texture filter brightness contrast saturation way area space thing things
    something anything everything nothing object objects item items time moment"""
)
"""Words of depiction and of no object in particular."""

COLOURS = _words(
    """black white grey gray silver red crimson scarlet maroon orange yellow gold golden green emerald blue navy cyan
    turquoise teal purple violet lavender magenta pink brown beige tan"""
)

ADJECTIVES = COLOURS | _words(
    """big bigger biggest small smaller smallest large larger largest tiny huge giant little tall taller short
    shorter long longer wide wider narrow thick thin old older new newer young younger bright brighter dark darker
    light lighter pale soft hard warm cold cool hot dry wet clean dirty shiny glossy matte smooth rough round square
    beautiful pretty cute lovely nice good better great happy sad angry funny scary empty full open closed modern
    ancient vintage antique classic traditional futuristic fresh ripe clear sunny cloudy rainy snowy foggy stormy
    wooden metal plastic transparent colorful colourful colored coloured natural simple complex fancy elegant rustic
    cozy busy quiet majestic epic fantastic magical mysterious glowing metallic different similar various whole
    original first second third last main blurry sharp vivid monochrome striped dotted curly straight blonde blond"""
)
"""Words that say how a thing is; alone they are no phrase."""

NOUNS_IN_ING = _words(
    """ring earring wing king string swing spring sling thing ceiling building clothing morning evening wedding
    lightning pudding dressing stocking railing awning duckling dumpling seedling sibling icing herring viking
    painting-canvas bowling-ball sing bling"""
)

NOUNS_IN_LY = _words("family butterfly dragonfly fly lily jelly belly bully assembly anomaly monopoly jellyfish")

TIMES = _words("season night nighttime daytime sunset sunrise winter summer autumn spring lighting filter")
"""Season, light and filter: of the whole picture, unless they only say which thing: a night lamp, a winter coat …"""

FILTERED = _words("coffee tea water air oil dust pool cigarette")
"""… or what a filter is for."""

AROUND = _words("day morning noon afternoon evening weather landscape wonderland vision mode setting")
"""Nouns that are everywhere in a picture, so that a winter day is as good as winter."""
