// How do sizes, rates and ages read, in docker's words?

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const YEAR_2000 = Date.UTC(2000, 0, 1);

/** Decimal size with `digits` significant digits: `4.5MB` in tables (3), `36.45kB` in progress (4). */
export function formatSize(bytes: number, digits = 3): string {
  // What rounds to a thousand of a unit is one of the next: 999,999 bytes are 1MB and not 1000kB.
  const most = 1000 - 0.5 * 10 ** (3 - digits);
  let value = bytes;
  let unit = 0;
  while (unit < SIZE_UNITS.length - 1 && value >= most) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(digits))}${SIZE_UNITS[unit] ?? ''}`;
}

/** `12.3MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}

/** Time left, short: `12s`, `1m5s`, `2h3m`. */
export function formatEta(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m${whole % MINUTE}s`;
  return `${Math.floor(whole / HOUR)}h${Math.floor((whole % HOUR) / MINUTE)}m`;
}

/** How long ago, without ` ago`: `Less than a second`, `About a minute`, `3 weeks`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  return formatHours(milliseconds / 1000 / HOUR);
}

/** `3 weeks ago` for a time in RFC 3339 or milliseconds since 1970; `N/A` for no time, an unreadable one, or one before 2000 as build tools set it. */
export function formatAgo(time: string | number | undefined, now: number): string {
  const then = typeof time === 'string' ? Date.parse(time) : (time ?? Number.NaN);
  if (Number.isNaN(then) || then < YEAR_2000) return 'N/A';
  return `${formatAge(Math.max(0, now - then))} ago`;
}

function formatHours(exact: number): string {
  const hours = Math.round(exact);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(exact / 24 / 365)} years`;
}
