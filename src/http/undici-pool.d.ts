// What does TypeScript know of the one file of undici that hubctl loads? Nothing; undici.ts says what is used of it.
declare module 'undici/lib/dispatcher/pool.js' {
  const pool: unknown;
  // eslint-disable-next-line import/no-default-export
  export default pool;
}
