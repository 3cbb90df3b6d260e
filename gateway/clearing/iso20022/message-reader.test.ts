import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS_MAX, type ExpectedParty, type Inspection } from '../inspect/inspection.ts';
import { MessageReader } from './message-reader.ts';

/** A small collection, typed by hand; `change` replaces one part of it. */
const COLLECTION = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.008.001.08">
  <CstmrDrctDbtInitn>
    <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-20T23:30:00+08:00</CreDtTm><NbOfTxs>2</NbOfTxs><CtrlSum>3.50</CtrlSum><InitgPty/></GrpHdr>
    <PmtInf>
      <PmtInfId>P1</PmtInfId><PmtMtd>DD</PmtMtd><NbOfTxs>2</NbOfTxs><CtrlSum>3.5</CtrlSum><ReqdColltnDt>2026-11-23</ReqdColltnDt>
      <Cdtr><Nm>清算中心</Nm></Cdtr><CdtrAcct><Id><Othr><Id>1</Id></Othr></Id></CdtrAcct><CdtrAgt><FinInstnId/></CdtrAgt>
      <DrctDbtTxInf>
        <PmtId><EndToEndId>E1</EndToEndId></PmtId><InstdAmt Ccy="CNY">2.00</InstdAmt>
        <DbtrAgt><FinInstnId><ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId><MmbId>102100099996</MmbId></ClrSysMmbId></FinInstnId></DbtrAgt>
        <Dbtr/><DbtrAcct><Id><Othr><Id>2</Id></Othr></Id></DbtrAcct>
      </DrctDbtTxInf>
      <DrctDbtTxInf>
        <PmtId><EndToEndId>E2</EndToEndId></PmtId><InstdAmt Ccy="CNY">1.5</InstdAmt>
        <DbtrAgt><FinInstnId/></DbtrAgt><Dbtr/><DbtrAcct><Id><Othr><Id>3</Id></Othr></Id></DbtrAcct>
      </DrctDbtTxInf>
    </PmtInf>
  </CstmrDrctDbtInitn>
</Document>
`;

const PARTY: ExpectedParty = {
  party: 'BANK1',
  cnapsCode: '102100099996',
  institutionId: '01020000',
  tc526: { header: '', trailer: '' },
  emptyFile: 'file',
  sequence: { restarts: 'daily' },
  isBankingDay: (date) => date !== '2026-11-22',
};

function read(text: string | Uint8Array, expected: ExpectedParty | null = null): Inspection {
  const reader = new MessageReader(expected);
  reader.push(typeof text === 'string' ? Buffer.from(text) : text);
  return reader.end();
}

const codesOf = (inspection: Inspection): string[] => inspection.errors.map((error) => error.code);

test('a collection that holds together is valid in form and in business', () => {
  assert.deepEqual(read(COLLECTION), {
    format: 'pain.008.001.08',
    schemaValid: true,
    businessValid: true,
    records: 2,
    totals: [{ currency: 'CNY', minor: 350 }],
    errors: [],
  });
});

test('the pieces in which a message comes do not matter, even inside a character', () => {
  const bytes = Buffer.from(COLLECTION);
  for (const pieceBytes of [1, 3, 1000]) {
    const reader = new MessageReader(null);
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
    assert.deepEqual(reader.end(), read(COLLECTION));
  }
});

const BUSINESS: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  [
    'a count of the group',
    '<NbOfTxs>2</NbOfTxs><CtrlSum>3.50',
    '<NbOfTxs>3</NbOfTxs><CtrlSum>3.50',
    'count_wrong',
  ],
  [
    'a count of the instruction',
    '<NbOfTxs>2</NbOfTxs><CtrlSum>3.5<',
    '<NbOfTxs>1</NbOfTxs><CtrlSum>3.5<',
    'count_wrong',
  ],
  ['a sum of the group', '<CtrlSum>3.50', '<CtrlSum>3.51', 'sum_wrong'],
  ['a sum of the instruction', '<CtrlSum>3.5<', '<CtrlSum>4<', 'sum_wrong'],
  [
    'one sum over two currencies',
    '<InstdAmt Ccy="CNY">1.5',
    '<InstdAmt Ccy="HKD">1.5',
    'sum_over_currencies',
  ],
  ['an identification that comes twice', '<EndToEndId>E2', '<EndToEndId>E1', 'end_to_end_id_repeated'],
  ['an amount of zero', '>2.00</InstdAmt>', '>0.00</InstdAmt>', 'amount_zero'],
  ['an amount in tenths of fen', '>2.00</InstdAmt>', '>2.001</InstdAmt>', 'amount_decimals'],
  ['a collection before the message was made', '2026-11-23', '2026-11-19', 'collection_before_creation'],
  ['a check digit', '102100099996', '102100099997', 'cnaps_check_digit_wrong'],
];

for (const [what, from, to, code] of BUSINESS) {
  test(`business error: ${what}`, () => {
    assert.ok(COLLECTION.includes(from));
    const inspection = read(COLLECTION.replace(from, to));
    assert.equal(inspection.schemaValid, true);
    assert.equal(inspection.businessValid, false);
    assert.ok(codesOf(inspection).includes(code), codesOf(inspection).join());
  });
}

test('decimals that are only zeros, and the day of creation itself, are no errors', () => {
  const changed = COLLECTION.replace('>2.00<', '>2.00000<').replace('2026-11-23', '2026-11-20');
  assert.deepEqual(codesOf(read(changed)), []);
});

test('a currency without decimals has none, one with three has three', () => {
  const inCurrency = (currency: string, amount: string): string[] =>
    codesOf(
      read(
        COLLECTION.replaceAll('"CNY"', `"${currency}"`)
          .replace('>1.5<', '>1<')
          .replace('>2.00<', `>${amount}<`)
          .replaceAll(/<CtrlSum>[\d.]+<\/CtrlSum>/g, ''),
      ),
    );
  assert.deepEqual(inCurrency('JPY', '2.5'), ['amount_decimals']);
  assert.deepEqual(inCurrency('JPY', '2'), []);
  assert.deepEqual(inCurrency('KWD', '2.123'), []);
  assert.deepEqual(inCurrency('KWD', '2.1234'), ['amount_decimals']);
});

test('NOTPROVIDED is no identification, so it may come twice', () => {
  const changed = COLLECTION.replace('>E1<', '>NOTPROVIDED<').replace('>E2<', '>NOTPROVIDED<');
  assert.deepEqual(codesOf(read(changed)), []);
});

test('under a profile the bank, the currency and the banking day are judged', () => {
  assert.deepEqual(codesOf(read(COLLECTION, PARTY)), []);
  const changed = COLLECTION.replace('2026-11-23', '2026-11-22')
    .replaceAll('"CNY"', '"HKD"')
    .replace('102100099996', '105100000017');
  assert.deepEqual(
    new Set(codesOf(read(changed, PARTY))),
    new Set(['not_a_banking_day', 'currency_not_of_profile', 'bank_not_of_profile']),
  );
});

const FORM: readonly (readonly [what: string, from: string, to: string, code: string, xpath: string])[] = [
  ['no MsgId', '<MsgId>M1</MsgId>', '', 'element_missing', '/Document/CstmrDrctDbtInitn/GrpHdr/CreDtTm'],
  [
    'a MsgId of 36 characters',
    '>M1<',
    `>${'M'.repeat(36)}<`,
    'value_invalid',
    '/Document/CstmrDrctDbtInitn/GrpHdr/MsgId',
  ],
  [
    'an element twice',
    '<MsgId>M1</MsgId>',
    '<MsgId>M1</MsgId><MsgId>M1</MsgId>',
    'element_repeated',
    '/Document/CstmrDrctDbtInitn/GrpHdr/MsgId[2]',
  ],
  [
    'an element that is none',
    '<Dbtr/>',
    '<Dbtr/><Dbtor/>',
    'element_unexpected',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf/Dbtor',
  ],
  [
    'a currency in small letters',
    '<InstdAmt Ccy="CNY">1.5',
    '<InstdAmt Ccy="cny">1.5',
    'value_invalid',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf[2]/InstdAmt',
  ],
  [
    'no currency',
    ' Ccy="CNY">1.5',
    '>1.5',
    'attribute_missing',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf[2]/InstdAmt',
  ],
  [
    'six decimals',
    '>1.5<',
    '>1.500001<',
    'value_invalid',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf[2]/InstdAmt',
  ],
  [
    'a method that is not direct debit',
    '<PmtMtd>DD<',
    '<PmtMtd>TRF<',
    'value_invalid',
    '/Document/CstmrDrctDbtInitn/PmtInf/PmtMtd',
  ],
  [
    'a date that does not exist',
    '2026-11-23',
    '2026-11-31',
    'value_invalid',
    '/Document/CstmrDrctDbtInitn/PmtInf/ReqdColltnDt',
  ],
  [
    'both branches of a choice',
    '<Othr><Id>1</Id></Othr>',
    '<IBAN>NL56AGDH9619008421</IBAN><Othr><Id>1</Id></Othr>',
    'element_unexpected',
    '/Document/CstmrDrctDbtInitn/PmtInf/CdtrAcct/Id/Othr',
  ],
  [
    'text between elements',
    '<Dbtr/>',
    '<Dbtr>text</Dbtr>',
    'text_unexpected',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf/Dbtr',
  ],
  [
    'an attribute that is none',
    '<Dbtr/>',
    '<Dbtr x="1"/>',
    'attribute_unexpected',
    '/Document/CstmrDrctDbtInitn/PmtInf/DrctDbtTxInf/Dbtr',
  ],
];

for (const [what, from, to, code, xpath] of FORM) {
  test(`form error: ${what}`, () => {
    assert.ok(COLLECTION.includes(from));
    const inspection = read(COLLECTION.replace(from, to));
    assert.equal(inspection.schemaValid, false);
    assert.equal(inspection.businessValid, false, 'what has no form has no meaning');
    const [first] = inspection.errors;
    assert.deepEqual([first?.code, first?.xpath], [code, xpath]);
  });
}

test('a collection of a version that nobody agreed on is no collection of ours', () => {
  const inspection = read(COLLECTION.replace('pain.008.001.08', 'pain.008.001.09'));
  assert.deepEqual(
    [inspection.format, inspection.schemaValid, inspection.businessValid, codesOf(inspection)],
    ['pain.008.001.09', null, false, ['message_version_unsupported']],
  );
});

test('a message that is not ours is well formed, and nothing more is said of it', () => {
  const inspection = read('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.10"><X/></Document>');
  assert.deepEqual([inspection.schemaValid, inspection.businessValid], [null, null]);
});

test('a message in an envelope is found, and the header names nothing where the message does', () => {
  const body = COLLECTION.replace(/^<\?xml[^>]*>\s*/, '');
  const header = '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Fr/></AppHdr>';
  const inspection = read(`<Envelope>${header}${body}</Envelope>`);
  assert.deepEqual([inspection.format, inspection.records, codesOf(inspection)], ['pain.008.001.08', 2, []]);
});

const LAUGHS = `<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>`;

const HOSTILE: readonly (readonly [what: string, text: string | Uint8Array, code: string])[] = [
  [
    'a document type with entities upon entities',
    COLLECTION.replace(/^<\?xml[^>]*>/, LAUGHS).replace('>M1<', '>&d;<'),
    'xml_doctype_refused',
  ],
  [
    'a document type that names a file',
    COLLECTION.replace(/^<\?xml[^>]*>/, '<!DOCTYPE Document SYSTEM "file:///etc/passwd">'),
    'xml_doctype_refused',
  ],
  ['an entity that nobody defined', COLLECTION.replace('>M1<', '>&secret;<'), 'xml_not_well_formed'],
  ['elements in elements without end', '<a>'.repeat(5_000), 'xml_too_deep'],
  ['a text without end', COLLECTION.replace('>M1<', `>${'M'.repeat(2_000_000)}<`), 'xml_text_too_long'],
  ['the file cut off', COLLECTION.slice(0, 900), 'xml_not_well_formed'],
  ['a tag that does not close', COLLECTION.replace('</Document>', ''), 'xml_not_well_formed'],
  [
    'bytes that are not UTF-8',
    Buffer.from(COLLECTION.replace('清算', '\xc7\xe5'), 'latin1'),
    'encoding_invalid',
  ],
  ['a second root', `${COLLECTION}<Document/>`, 'xml_not_well_formed'],
];

for (const [what, text, code] of HOSTILE) {
  test(`refused at once: ${what}`, () => {
    const started = process.hrtime.bigint();
    const inspection = read(text);
    assert.deepEqual([inspection.schemaValid, inspection.businessValid], [false, false]);
    assert.ok(codesOf(inspection).includes(code), codesOf(inspection).join());
    assert.ok(process.hrtime.bigint() - started < 5_000_000_000n);
  });
}

test('another encoding is read, and named as an error', () => {
  const latin = Buffer.from(
    COLLECTION.replace('UTF-8', 'ISO-8859-1').replace('清算中心', 'Caf\xe9'),
    'latin1',
  );
  const inspection = read(latin);
  assert.deepEqual([inspection.schemaValid, codesOf(inspection)], [true, ['encoding_not_utf8']]);
  const utf16 = Buffer.from(`\ufeff${COLLECTION.replace('UTF-8', 'UTF-16')}`, 'utf16le');
  assert.deepEqual(codesOf(read(utf16)), ['encoding_not_utf8']);
});

test('a collection cut off at any byte is refused', () => {
  const bytes = Buffer.from(COLLECTION.trimEnd());
  for (let at = 0; at < bytes.length; at += 1) {
    const inspection = read(bytes.subarray(0, at));
    assert.equal(inspection.schemaValid, false, `at ${at}`);
  }
});

const STRICT_FORM: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  ['a no-break space around a number', '<CtrlSum>3.50', '<CtrlSum>\u00a03.50', 'value_invalid'],
  ['an attribute of Document', '<Document ', '<Document version="1" ', 'attribute_unexpected'],
  ['another root in the namespace', 'Document', 'Dokument', 'element_unexpected'],
  [
    'an element that says it is nil',
    '<Dbtr/>',
    '<Dbtr xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>',
    'attribute_unexpected',
  ],
  [
    'an empty envelope',
    '</CstmrDrctDbtInitn>',
    '<SplmtryData><Envlp/></SplmtryData></CstmrDrctDbtInitn>',
    'element_missing',
  ],
  [
    'an envelope with two letters',
    '</CstmrDrctDbtInitn>',
    '<SplmtryData><Envlp><a/><b/></Envlp></SplmtryData></CstmrDrctDbtInitn>',
    'element_unexpected',
  ],
];

for (const [what, from, to, code] of STRICT_FORM) {
  test(`the form is refused for: ${what}`, () => {
    const inspection = read(COLLECTION.replaceAll(from, to));
    assert.deepEqual(
      [inspection.format, inspection.schemaValid, inspection.businessValid],
      ['pain.008.001.08', false, false],
    );
    assert.ok(codesOf(inspection).includes(code), codesOf(inspection).join());
  });
}

test('what an envelope holds is no amount and no bank of the message', () => {
  const letter = '<x:a xmlns:x="urn:x" Ccy="USD">1.234<x:ClrSysMmbId/></x:a>';
  const text = COLLECTION.replace(
    '</CstmrDrctDbtInitn>',
    `<SplmtryData><Envlp>${letter}</Envlp></SplmtryData></CstmrDrctDbtInitn>`,
  );
  assert.deepEqual(read(text, PARTY).errors, []);
});

test('a byte that is no character has its line and offset, in whatever pieces the file comes', () => {
  const bytes = Buffer.from(COLLECTION);
  const at = bytes.indexOf('清算') + 1;
  bytes[at] = 0x20;
  for (const pieceBytes of [bytes.length, 1_000, 7, 1]) {
    const reader = new MessageReader(null);
    for (let from = 0; from < bytes.length && !reader.stopped; from += pieceBytes)
      reader.push(bytes.subarray(from, from + pieceBytes));
    const { format, errors } = reader.end();
    assert.equal(format, 'pain.008.001.08');
    assert.deepEqual(
      errors.map(({ code, line }) => [code, line]),
      [['encoding_invalid', 7]],
    );
    assert.ok(Math.abs((errors[0]?.byteOffset ?? 0) - at) <= 3, String(errors[0]?.byteOffset));
  }
});

test('a file that declares ASCII and is not is refused', () => {
  assert.deepEqual(codesOf(read(COLLECTION.replace('UTF-8', 'US-ASCII'))), ['encoding_invalid']);
});

test('UTF-16 is read without a byte order mark too, and named as another encoding than agreed', () => {
  const little = Buffer.from(COLLECTION.replace('UTF-8', 'UTF-16'), 'utf16le');
  const big = Buffer.from(little).swap16();
  for (const bytes of [little, big]) {
    const inspection = read(bytes);
    assert.deepEqual([inspection.schemaValid, codesOf(inspection)], [true, ['encoding_not_utf8']]);
  }
});

test('a sum beyond 2^53 keeps all its digits', () => {
  const text = COLLECTION.replaceAll('>2.00</InstdAmt>', '>999999999999999.99</InstdAmt>');
  assert.deepEqual(read(text).totals, [{ currency: 'CNY', minor: 100_000_000_000_000_149n }]);
});

test("under a profile another bank's BIC is refused as well as its CNAPS code", () => {
  const withBic = (bic: string): string =>
    COLLECTION.replace('<DbtrAgt><FinInstnId/>', `<DbtrAgt><FinInstnId><BICFI>${bic}</BICFI></FinInstnId>`);
  const party = { ...PARTY, bic: 'ICBKCNBJ' };
  assert.deepEqual(codesOf(read(withBic('ICBKCNBJNBO'), party)), []);
  assert.deepEqual(codesOf(read(withBic('ABOCCNBJ'), party)), ['bank_not_of_profile']);
});

test('a mistake that repeats is listed a hundred times and no more', () => {
  const bad = '<DrctDbtTxInf><Zzz/></DrctDbtTxInf>'.repeat(5_000);
  const inspection = read(COLLECTION.replace('</PmtInf>', `${bad}</PmtInf>`));
  assert.equal(inspection.errors.length, ERRORS_MAX + 1);
  assert.equal(inspection.errors.at(-1)?.code, 'errors_omitted');
});

const STATEMENT = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>S1</MsgId><CreDtTm>2026-11-24T06:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><Othr><Id>1</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-23</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">12.5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-23</Dt></Dt></Bal>
<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>3.5</Sum></TtlNtries><TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>3</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>0.5</Sum></TtlDbtNtries></TxsSummry>
<Ntry><Amt Ccy="CNY">3</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BkTxCd/><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch><TxDtls/><TxDtls/></NtryDtls></Ntry>
<Ntry><Amt Ccy="CNY">0.5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BkTxCd/></Ntry>
</Stmt></BkToCstmrStmt></Document>`;

test('a statement that holds together', () => {
  assert.deepEqual(read(STATEMENT), {
    format: 'camt.053.001.08',
    schemaValid: true,
    businessValid: true,
    records: 2,
    totals: [{ currency: 'CNY', minor: 350 }],
    errors: [],
  });
});

const STATEMENT_CHANGES: readonly (readonly [what: string, from: string, to: string, code: string])[] = [
  ['the number of entries', '<NbOfNtries>2<', '<NbOfNtries>3<', 'count_wrong'],
  ['the sum of entries', '<Sum>3.5<', '<Sum>3.6<', 'sum_wrong'],
  ['the sum of credits', '<Sum>3<', '<Sum>2<', 'sum_wrong'],
  ['the closing balance', '>12.5<', '>12.6<', 'balance_wrong'],
  ['the number of details of a batch', '<NbOfTxs>2<', '<NbOfTxs>3<', 'count_wrong'],
  ['a summary over two currencies', 'Ccy="CNY">0.5', 'Ccy="HKD">0.5', 'sum_over_currencies'],
];

for (const [what, from, to, code] of STATEMENT_CHANGES) {
  test(`a statement is refused for: ${what}`, () => {
    const inspection = read(STATEMENT.replace(from, to));
    assert.equal(inspection.businessValid, false);
    assert.ok(codesOf(inspection).includes(code), codesOf(inspection).join());
  });
}

test('a status report says as many items as it says there were', () => {
  const report = (perStatus: number): string =>
    `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>R1</MsgId><CreDtTm>2026-11-21T06:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.08</OrgnlMsgNmId><OrgnlNbOfTxs>2</OrgnlNbOfTxs><GrpSts>PART</GrpSts><NbOfTxsPerSts><DtldNbOfTxs>${perStatus}</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`;
  assert.deepEqual([read(report(2)).businessValid, read(report(2)).records], [true, 1]);
  assert.deepEqual(codesOf(read(report(1))), ['count_wrong']);
});
