/**
 * True when a CNAPS code (12 digits: bank class 3, city 4, branch 4, check digit) carries its check digit, ISO 7064 MOD 11,10
 * over the first eleven.
 *
 * @spec clearing.md 2.4
 */
export function isCnapsCode(code: string): boolean {
  if (!/^\d{12}$/.test(code)) return false;
  let product = 10;
  for (const digit of code.slice(0, 11)) {
    const sum = (product + Number(digit)) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (product + Number(code[11])) % 10 === 1;
}
