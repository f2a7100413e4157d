// A tenant chooses one colour; what is written in it and on it must stay readable. Values in, values out.

type Rgb = readonly [number, number, number];

const LIGHT: Rgb = [255, 255, 255];
const DARK: Rgb = [18, 33, 28];
const READABLE = 4.5; // WCAG 2.2, 1.4.3, for text of any size

/** Return `#rgb` or `#rrggbb` as numbers; null for anything else. */
export function parsed(colour: unknown): Rgb | null {
  if (typeof colour !== 'string') return null;
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(colour.trim());
  const digits = short ? short.slice(1).map((digit) => digit + digit) : /^#(..)(..)(..)$/.exec(colour.trim())?.slice(1);
  if (!digits || !/^[0-9a-f]{6}$/i.test(digits.join(''))) return null;
  const [red = 0, green = 0, blue = 0] = digits.map((pair) => Number.parseInt(pair, 16));
  return [red, green, blue];
}

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Return how far two colours are apart, from 1 (equal) to 21 (black and white). */
export function contrast(one: Rgb, other: Rgb): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function mixed(colour: Rgb, other: Rgb, share: number): Rgb {
  const part = (at: 0 | 1 | 2) => Math.round(colour[at] + (other[at] - colour[at]) * share);
  return [part(0), part(1), part(2)];
}

/** Return the colour itself if it is readable on a ground, else the nearest shade of it that is. */
function readableOn(ground: Rgb, colour: Rgb): Rgb {
  const away: Rgb = luminance(ground) > 0.2 ? [0, 0, 0] : [255, 255, 255];
  for (let share = 0; share < 1; share += 0.05) {
    const shade = mixed(colour, away, share);
    if (contrast(shade, ground) >= READABLE) return shade;
  }
  return away;
}

const css = ([red, green, blue]: Rgb) => `rgb(${red} ${green} ${blue})`;

/** The page's grounds that text in the tenant's colour stands on: the darkest light one, the lightest dark one. */
const GROUNDS = { light: [233, 238, 235], dark: [23, 32, 29] } as const satisfies Record<string, Rgb>;

/** Return custom properties for a tenant's colour; empty without a valid one, and the page keeps its own. */
export function brandProperties(colour: unknown): Record<string, string> {
  const brand = parsed(colour);
  if (!brand) return {};
  const onBrand = contrast(brand, LIGHT) >= READABLE ? LIGHT : contrast(brand, DARK) >= READABLE ? DARK : null;
  // Between the two there are middle tones on which the dark ink is not quite enough: black always is there.
  return {
    '--tenant-brand': css(brand),
    '--tenant-on-brand': css(onBrand ?? [0, 0, 0]),
    '--tenant-ink-light': css(readableOn(GROUNDS.light, brand)),
    '--tenant-ink-dark': css(readableOn(GROUNDS.dark, brand)),
  };
}
