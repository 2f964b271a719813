// QR codes (ISO/IEC 18004) as a page needs them: versions 1 to 10, level M, alphanumeric or bytes. Draws nothing.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
// Of level M by version: codewords for correction in a block, then how many blocks of how many codewords of data (Table 9).
const BLOCKS = [
  [10, [1, 16]], [16, [1, 28]], [26, [1, 44]], [18, [2, 32]], [24, [2, 43]], [16, [4, 27]], [18, [4, 31]],
  [22, [2, 38], [2, 39]], [22, [3, 36], [2, 37]], [26, [4, 43], [1, 44]],
];
// Centres of alignment patterns by version (Annex E).
const ALIGNED = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
// Which modules a mask turns, by row and column (Table 10).
const MASKS = [
  (i, j) => (i + j) % 2 === 0, (i) => i % 2 === 0, (i, j) => j % 3 === 0, (i, j) => (i + j) % 3 === 0,
  (i, j) => (Math.floor(i / 2) + Math.floor(j / 3)) % 2 === 0, (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0, (i, j) => (((i + j) % 2) + ((i * j) % 3)) % 2 === 0,
];

/** The symbol of a text: rows of modules, 1 is dark, without the quiet zone (4 modules of light all round).
 *
 * Throws RangeError where the text is too long for version 10: 311 characters of the alphabet, else 213 bytes.
 */
export function encode(text) {
  const [version, data] = codewords(text);
  const { modules, fixed } = functionPatterns(version);
  place(modules, fixed, interleave(data, BLOCKS[version - 1]));
  let best = null;
  MASKS.forEach((turns, mask) => {
    const masked = modules.map((row, i) => row.map((module, j) => (fixed[i][j] ? module : module ^ turns(i, j))));
    const score = penalty(masked);
    if (best === null || score < best.score) best = { score, mask, masked };
  });
  information(best.masked, version, best.mask);
  return best.masked;
}

/** The smallest version that holds the text, and its codewords of data, filled up. */
function codewords(text) {
  const short = [...text].every((character) => ALPHABET.includes(character));
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= 10; version++) {
    const bits = [];
    const put = (value, length) => {
      for (let bit = length - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
    };
    if (short) {
      put(2, 4);
      put(text.length, version < 10 ? 9 : 11);
      for (let at = 0; at + 1 < text.length; at += 2) put(ALPHABET.indexOf(text[at]) * 45 + ALPHABET.indexOf(text[at + 1]), 11);
      if (text.length % 2) put(ALPHABET.indexOf(text.at(-1)), 6);
    } else {
      put(4, 4);
      put(bytes.length, version < 10 ? 8 : 16);
      bytes.forEach((byte) => put(byte, 8));
    }
    const room = BLOCKS[version - 1].slice(1).reduce((sum, [count, length]) => sum + count * length, 0);
    if (bits.length > room * 8) continue;
    put(0, Math.min(4, room * 8 - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    const words = Array.from({ length: bits.length / 8 }, (_, at) => parseInt(bits.slice(at * 8, at * 8 + 8).join(""), 2));
    for (let fill = 0; words.length < room; fill++) words.push(fill % 2 ? 0x11 : 0xec);
    return [version, words];
  }
  throw new RangeError("too long for a QR code of version 10");
}

/** Blocks with their words of correction, one word of each block after the other. */
function interleave(data, [correction, ...groups]) {
  const blocks = [];
  let from = 0;
  for (const [count, length] of groups) {
    for (let block = 0; block < count; block++, from += length) blocks.push(data.slice(from, from + length));
  }
  const corrected = blocks.map((block) => remainder(block, correction));
  const longest = Math.max(...blocks.map((block) => block.length));
  const column = (all, length) => Array.from({ length }, (_, at) => all.map((block) => block[at])).flat();
  return [...column(blocks, longest).filter((word) => word !== undefined), ...column(corrected, correction)];
}

const multiply = (a, b) => {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> bit) & 1) * a);
  return product;
};

/** Reed and Solomon's words of correction: the remainder of the data by the generator of that degree. */
function remainder(data, degree) {
  let generator = [1];
  for (let power = 0, root = 1; power < degree; power++, root = multiply(root, 2)) {
    const times = [...generator, 0];
    generator.forEach((factor, at) => { times[at + 1] ^= multiply(factor, root); });
    generator = times;
  }
  const rest = [...data, ...new Array(degree).fill(0)];
  for (let at = 0; at < data.length; at++) {
    const lead = rest[at];
    generator.forEach((factor, offset) => { rest[at + offset] ^= multiply(factor, lead); });
  }
  return rest.slice(data.length);
}

/** An empty symbol with its finders, timing and alignment, and which modules no data may take. */
function functionPatterns(version) {
  const size = 17 + 4 * version;
  const grid = () => Array.from({ length: size }, () => new Array(size).fill(0));
  const modules = grid(), fixed = grid();
  const set = (i, j, dark) => {
    if (i < 0 || j < 0 || i >= size || j >= size) return;
    modules[i][j] = dark ? 1 : 0;
    fixed[i][j] = 1;
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  const square = (row, column, reach, dark) => {
    for (let i = -reach; i <= reach; i++) for (let j = -reach; j <= reach; j++) set(row + i, column + j, dark(Math.max(Math.abs(i), Math.abs(j))));
  };
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) square(row, column, 4, (ring) => ring !== 2 && ring !== 4);
  const centres = ALIGNED[version - 1], last = centres.at(-1);
  for (const row of centres) {
    for (const column of centres) {
      if (!(row === 6 && (column === 6 || column === last)) && !(row === last && column === 6)) square(row, column, 2, (ring) => ring !== 1);
    }
  }
  // Room for what says version and mask; it is written last.
  for (let at = 0; at < 9; at++) {
    if (at !== 6) { set(8, at, false); set(at, 8, false); }
    if (at < 8) { set(8, size - 1 - at, false); set(size - 1 - at, 8, false); }
  }
  if (version >= 7) for (let at = 0; at < 18; at++) { const [i, j] = versionPlace(at, size); set(i, j, false); set(j, i, false); }
  return { modules, fixed };
}

const versionPlace = (bit, size) => [Math.floor(bit / 3), size - 11 + (bit % 3)];

/** Words into the free modules, two columns at a time, upwards and downwards in turn, from the right. */
function place(modules, fixed, words) {
  const size = modules.length;
  let bit = 0, upward = true;
  for (let right = size - 1; right > 0; right -= 2, upward = !upward) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const row = upward ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (fixed[row][column]) continue;
        modules[row][column] = ((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
        bit++;
      }
    }
  }
}

/** Bits with the remainder by a polynomial beneath them. */
function checked(value, polynomial, length) {
  let rest = value << length;
  for (let bit = 31 - Math.clz32(rest); bit >= length; bit--) if ((rest >> bit) & 1) rest ^= polynomial << (bit - length);
  return (value << length) | rest;
}

function information(modules, version, mask) {
  const size = modules.length;
  const format = checked(mask, 0x537, 10) ^ 0x5412; // Level M is 00.
  for (let bit = 0; bit < 15; bit++) {
    const dark = (format >> bit) & 1;
    modules[bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit][8] = dark;
    modules[8][bit < 8 ? size - 1 - bit : bit === 8 ? 7 : 14 - bit] = dark;
  }
  modules[size - 8][8] = 1;
  if (version < 7) return;
  const bits = checked(version, 0x1f25, 12);
  for (let bit = 0; bit < 18; bit++) {
    const [i, j] = versionPlace(bit, size);
    modules[i][j] = modules[j][i] = (bits >> bit) & 1;
  }
}

/** How hard a masked symbol is to read (7.8.3): long runs, squares, what looks like a finder, unequal halves. */
function penalty(modules) {
  const size = modules.length;
  const lines = [...modules, ...modules.map((_, j) => modules.map((row) => row[j]))].map((line) => line.join(""));
  let score = 0;
  for (const line of lines) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) score += run.length - 2;
    score += 40 * finders(line);
  }
  for (let i = 1; i < size; i++) {
    for (let j = 1; j < size; j++) {
      if (modules[i][j] === modules[i][j - 1] && modules[i][j] === modules[i - 1][j] && modules[i][j] === modules[i - 1][j - 1]) score += 3;
    }
  }
  const dark = modules.flat().reduce((sum, module) => sum + module, 0);
  return score + 10 * Math.floor(Math.abs((dark / size ** 2) * 100 - 50) / 5);
}

/** Patterns 1:1:3:1:1 beside four modules of light; beyond the edge all is light. */
function finders(line) {
  let count = 0;
  for (let at = line.indexOf("1011101"); at !== -1;) {
    const alone = !line.slice(Math.max(at - 4, 0), at).includes("1") || !line.slice(at + 7, at + 11).includes("1");
    if (alone) count++;
    at = line.indexOf("1011101", at + (alone ? 7 : 4));
  }
  return count;
}
