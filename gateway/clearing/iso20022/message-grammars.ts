import { compileGrammar, type Grammar } from './grammar.ts';

/**
 * The messages that we write and read, as our own rules: what a file must have for us to understand it (clearing.md 2.1 and 2.2). Typed
 * from the message definitions as facts about them; branches that nothing here reads or writes (tax, garnishment, securities, cards) are taken as they
 * are. `inspect --xsd` judges the rest.
 */
const PARTIES = `
Party = Nm?:text140 PstlAdr?:Address Id?:PartyId CtryOfRes?:country CtctDtls?:Contact
PartyId choice = OrgId:OrganisationId PrvtId:PersonId
OrganisationId = BICOrBEI?@g<2:oldBic AnyBIC?@g>=2@g<3:oldBic AnyBIC?@g>=3:bic LEI?@g>=3:lei Othr*:OtherParty
PersonId = DtAndPlcOfBirth?:Birth Othr*:OtherParty
Birth = BirthDt:date PrvcOfBirth?:text35 CityOfBirth:text35 CtryOfBirth:country
OtherParty = Id:text35 SchmeNm?:CodeOrText35 Issr?:text35
Address = AdrTp?@g<3:=ADDR/PBOX/HOME/BIZZ/MLTO/DLVY AdrTp?@g>=3:AddressType Dept?:text70 SubDept?:text70 StrtNm?:text70 BldgNb?:text16 BldgNm?@g>=3:text35 Flr?@g>=3:text70 PstBx?@g>=3:text16 Room?@g>=3:text70 PstCd?:text16 TwnNm?:text35 TwnLctnNm?@g>=3:text35 DstrctNm?@g>=3:text35 CtrySubDvsn?:text35 Ctry?:country AdrLine{0,7}:text70
AddressType choice = Cd:=ADDR/PBOX/HOME/BIZZ/MLTO/DLVY Prtry:any
Contact = NmPrfx?@g<3:=DOCT/MIST/MISS/MADM NmPrfx?@g>=3:=DOCT/MADM/MISS/MIST/MIKS Nm?:text140 PhneNb?:phone MobNb?:phone FaxNb?:phone EmailAdr?:text2048 EmailPurp?@g>=3:text35 JobTitl?@g>=3:text35 Rspnsblty?@g>=3:text35 Dept?@g>=3:text70 Othr?@g<3:text35 Othr*@g>=3:OtherContact PrefrdMtd?@g>=3:=LETT/MAIL/PHON/FAXX/CELL
OtherContact = ChanlTp:text4 Id?:text128
Agent = FinInstnId:Institution BrnchId?:Branch
Institution = BIC?@g<2:oldBic BICFI?@g>=2@g<3:oldBic BICFI?@g>=3:bic ClrSysMmbId?:ClearingMember LEI?@g>=3:lei Nm?:text140 PstlAdr?:Address Othr?:OtherInstitution
ClearingMember = ClrSysId?:CodeOrText35Long MmbId:text35
OtherInstitution = Id:text35 SchmeNm?:CodeOrText35 Issr?:text35
Branch = Id?:text35 LEI?@g>=3:lei Nm?:text140 PstlAdr?:Address
Account = Id:AccountId Tp?:AccountType Ccy?:currency Nm?:text70 Prxy?@g>=3:Proxy
AccountType choice = Cd@g<2:=CASH/CHAR/COMM/TAXE/CISH/TRAS/SACC/CACC/SVGS/ONDP/MGLD/NREX/MOMA/LOAN/SLRY/ODFT Cd@g>=2:text4 Prtry:text35
AccountId choice = IBAN:iban Othr:OtherAccount
OtherAccount = Id:text34 SchmeNm?:CodeOrText35 Issr?:text35
Proxy = Tp?:CodeOrText35 Id:text2048
CodeOrText35 choice = Cd:text4 Prtry:text35
CodeOrText35Long choice = Cd:text5 Prtry:text35
LocalInstrument choice = Cd:text35 Prtry:text35
Authorisation choice = Cd:=AUTH/FDET/FSUM/ILEV Prtry:text128
Remittance = Ustrd*:text140 Strd*:Structured
Structured = RfrdDocInf*:Referred RfrdDocAmt?@g<2:OldRemittanceAmount RfrdDocAmt?@g>=2:RemittanceAmount CdtrRefInf?:CreditorReference Invcr?:Party Invcee?:Party TaxRmt?@g>=2:any GrnshmtRmt?@g>=2:any AddtlRmtInf{0,3}:text140
Referred = Tp?:ReferredType Nb?:text35 RltdDt?:date LineDtls*@g>=2:any
ReferredType = CdOrPrtry:CodeOrText35 Issr?:text35
OldRemittanceAmount = DuePyblAmt?:amount DscntApldAmt?:amount CdtNoteAmt?:amount TaxAmt?:amount AdjstmntAmtAndRsn*:Adjustment RmtdAmt?:amount
RemittanceAmount = DuePyblAmt?:amount DscntApldAmt*:TypedAmount CdtNoteAmt?:amount TaxAmt*:TypedAmount AdjstmntAmtAndRsn*:Adjustment RmtdAmt?:amount
TypedAmount = Tp?:CodeOrText35 Amt:amount
Adjustment = Amt:amount CdtDbtInd?:=CRDT/DBIT Rsn?:text4 AddtlInf?:text140
CreditorReference = Tp?:CreditorReferenceType Ref?:text35
CreditorReferenceType = CdOrPrtry:CreditorReferenceCode Issr?:text35
CreditorReferenceCode choice = Cd:=RADM/RPIN/FXDR/DISP/PUOR/SCOR Prtry:text35
RemittanceLocation = RmtId?:text35 RmtLctnMtd?@<05:any RmtLctnElctrncAdr?@<05:text2048 RmtLctnPstlAdr?@<05:any RmtLctnDtls*@>=05:any
Supplementary = PlcAndNm?:text350 Envlp:envelope
DayOrInstant choice = Dt:date DtTm:dateTime
PartyOrAgent choice = Pty:Party Agt:Agent
`;

const COLLECTION = `
Initiation = GrpHdr:GroupHeader PmtInf+:Collection SplmtryData*@>=03:Supplementary
GroupHeader = MsgId:text35 CreDtTm:dateTime Authstn{0,2}:Authorisation NbOfTxs:digits15 CtrlSum?:decimal InitgPty:Party FwdgAgt?:Agent
Collection = PmtInfId:text35 PmtMtd:=DD BtchBookg?:bool NbOfTxs?:digits15 CtrlSum?:decimal PmtTpInf?:PaymentType ReqdColltnDt:date Cdtr:Party CdtrAcct:Account CdtrAgt:Agent CdtrAgtAcct?:Account UltmtCdtr?:Party ChrgBr?:=DEBT/CRED/SHAR/SLEV ChrgsAcct?:Account ChrgsAcctAgt?:Agent CdtrSchmeId?:Party DrctDbtTxInf+:Debit
PaymentType = InstrPrty?:=HIGH/NORM SvcLvl?@<08:CodeOrText35 SvcLvl*@>=08:CodeOrText35 LclInstrm?:LocalInstrument SeqTp?@<03:=FRST/RCUR/FNAL/OOFF SeqTp?@>=03:=FRST/RCUR/FNAL/OOFF/RPRE CtgyPurp?:CodeOrText35
Debit = PmtId:PaymentId PmtTpInf?:PaymentType InstdAmt:amount ChrgBr?:=DEBT/CRED/SHAR/SLEV DrctDbtTx?:DirectDebit UltmtCdtr?:Party DbtrAgt:Agent DbtrAgtAcct?:Account Dbtr:Party DbtrAcct:Account UltmtDbtr?:Party InstrForCdtrAgt?:text140 Purp?:CodeOrText35 RgltryRptg{0,10}:any Tax?:any RltdRmtInf{0,10}:RemittanceLocation RmtInf?:Remittance SplmtryData*@>=04:Supplementary
PaymentId = InstrId?:text35 EndToEndId:text35 UETR?@g>=3:uuid
DirectDebit = MndtRltdInf?:Mandate CdtrSchmeId?:Party PreNtfctnId?:text35 PreNtfctnDt?:date
Mandate = MndtId?:text35 DtOfSgntr?:date AmdmntInd?:bool AmdmntInfDtls?:any ElctrncSgntr?:text1025 FrstColltnDt?:date FnlColltnDt?:date Frqcy?:any Rsn?@>=05:any TrckgDays?@>=07:twoDigits
`;

const STATUS_REPORT = `
Report = GrpHdr:GroupHeader OrgnlGrpInfAndSts:OriginalGroup OrgnlPmtInfAndSts*:OriginalPayment SplmtryData*@>=04:Supplementary
GroupHeader = MsgId:text35 CreDtTm:dateTime InitgPty?:Party FwdgAgt?:Agent DbtrAgt?:Agent CdtrAgt?:Agent
OriginalGroup = OrgnlMsgId:text35 OrgnlMsgNmId:text35 OrgnlCreDtTm?:dateTime OrgnlNbOfTxs?:digits15 OrgnlCtrlSum?:decimal GrpSts?@<04:=ACTC/RCVD/PART/RJCT/PDNG/ACCP/ACSP/ACSC/ACWC GrpSts?@>=04:text4 StsRsnInf*:StatusReason NbOfTxsPerSts*:CountPerStatus
OriginalPayment = OrgnlPmtInfId:text35 OrgnlNbOfTxs?:digits15 OrgnlCtrlSum?:decimal PmtInfSts?@<04:=ACTC/RCVD/PART/RJCT/PDNG/ACCP/ACSP/ACSC/ACWC PmtInfSts?@>=04:text4 StsRsnInf*:StatusReason NbOfTxsPerSts*:CountPerStatus TxInfAndSts*:TransactionStatus
StatusReason = Orgtr?:Party Rsn?:CodeOrText35 AddtlInf*:text105
CountPerStatus = DtldNbOfTxs:digits15 DtldSts@<04:=ACTC/RJCT/PDNG/ACCP/ACSP/ACSC/ACWC DtldSts@>=04:text4 DtldCtrlSum?:decimal
TransactionStatus = StsId?:text35 OrgnlInstrId?:text35 OrgnlEndToEndId?:text35 OrgnlUETR?@>=10:uuid TxSts?@<04:=ACTC/RJCT/PDNG/ACCP/ACSP/ACSC/ACWC TxSts?@>=04:text4 StsRsnInf*:StatusReason ChrgsInf*:any TrckrData?@>=10:any AccptncDtTm?:dateTime AcctSvcrRef?:text35 ClrSysRef?:text35 OrgnlTxRef?:OriginalReference SplmtryData*@>=04:Supplementary
OriginalReference = IntrBkSttlmAmt?:amount Amt?:any IntrBkSttlmDt?:date ReqdColltnDt?:date ReqdExctnDt?@<10:date ReqdExctnDt?@>=10:DayOrInstant CdtrSchmeId?:Party SttlmInf?:any PmtTpInf?:any PmtMtd?:=CHK/TRF/DD/TRA MndtRltdInf?:any RmtInf?:Remittance UltmtDbtr?@<10:Party UltmtDbtr?@>=10:PartyOrAgent Dbtr?@<10:Party Dbtr?@>=10:PartyOrAgent DbtrAcct?:Account DbtrAgt?:Agent DbtrAgtAcct?:Account CdtrAgt?:Agent CdtrAgtAcct?:Account Cdtr?@<10:Party Cdtr?@>=10:PartyOrAgent CdtrAcct?:Account UltmtCdtr?@<10:Party UltmtCdtr?@>=10:PartyOrAgent Purp?@>=10:CodeOrText35
`;

const BOOKINGS = `
Statements = GrpHdr:GroupHeader Stmt+:Statement SplmtryData*@>=03:Supplementary
Notifications = GrpHdr:GroupHeader Ntfctn+:Notification SplmtryData*@>=03:Supplementary
GroupHeader = MsgId:text35 CreDtTm:dateTime MsgRcpt?:Party MsgPgntn?:Page OrgnlBizQry?@>=03:OriginalQuery AddtlInf?:text500
OriginalQuery = MsgId:text35 MsgNmId?:text35 CreDtTm?:dateTime
Page = PgNb:digits5 LastPgInd:bool
Statement = Id:text35 StmtPgntn?@>=03:Page ElctrncSeqNb?:number RptgSeq?@>=07:any LglSeqNb?:number CreDtTm@<07:dateTime CreDtTm?@>=07:dateTime FrToDt?:Period CpyDplctInd?:=CODU/COPY/DUPL RptgSrc?:CodeOrText35 Acct:OwnedAccount RltdAcct?:Account Intrst*:AccountInterest Bal+:Balance TxsSummry?:Summary Ntry*:Entry AddtlStmtInf?:text500
Notification = Id:text35 NtfctnPgntn?@>=03:Page ElctrncSeqNb?:number RptgSeq?@>=07:any LglSeqNb?:number CreDtTm@<07:dateTime CreDtTm?@>=07:dateTime FrToDt?:Period CpyDplctInd?:=CODU/COPY/DUPL RptgSrc?:CodeOrText35 Acct:OwnedAccount RltdAcct?:Account Intrst*:AccountInterest TxsSummry?:Summary Ntry*:Entry AddtlNtfctnInf?:text500
Period = FrDtTm:dateTime ToDtTm:dateTime
OwnedAccount = Id:AccountId Tp?:AccountType Ccy?:currency Nm?:text70 Prxy?@g>=3:Proxy Ownr?:Party Svcr?:Agent
Balance = Tp:BalanceType CdtLine?@<07:CreditLine CdtLine*@>=07:CreditLine Amt:amount CdtDbtInd:=CRDT/DBIT Dt:DayOrInstant Avlbty*:Availability
BalanceType = CdOrPrtry:BalanceCode SubTp?:CodeOrText35
BalanceCode choice = Cd@<07:=XPCD/OPAV/ITAV/CLAV/FWAV/CLBD/ITBD/OPBD/PRCD/INFO Cd@>=07:text4 Prtry:text35
CreditLine = Incl:bool Tp?@>=07:CodeOrText35 Amt?:amount Dt?@>=07:DayOrInstant
Availability = Dt:AvailabilityDate Amt:amount CdtDbtInd:=CRDT/DBIT
AvailabilityDate choice = NbOfDays:signedDigits15 ActlDt:date
Summary = TtlNtries?:NetSum TtlCdtNtries?:CountAndSum TtlDbtNtries?:CountAndSum TtlNtriesPerBkTxCd*:any
NetSum = NbOfNtries?:digits15 Sum?:decimal TtlNetNtryAmt?@<04:decimal CdtDbtInd?@<04:=CRDT/DBIT TtlNetNtry?@>=04:NetEntry
NetEntry = Amt:unsignedDecimal CdtDbtInd:=CRDT/DBIT
CountAndSum = NbOfNtries?:digits15 Sum?:decimal
Entry = NtryRef?:text35 Amt:amount CdtDbtInd:=CRDT/DBIT RvslInd?:bool Sts@<07:=BOOK/PDNG/INFO Sts@>=07:CodeOrText35 BookgDt?:DayOrInstant ValDt?:DayOrInstant AcctSvcrRef?:text35 Avlbty*:Availability BkTxCd:BankTransaction ComssnWvrInd?:bool AddtlInfInd?:MessageName AmtDtls?:AmountDetails Chrgs*@<03:OldCharges Chrgs*@>=03@<04:Charges Chrgs?@>=04:Charges TechInptChanl?:CodeOrText35 Intrst*@<03:OldInterest Intrst*@>=03@<04:Interest Intrst?@>=04:Interest CardTx?@>=03:any NtryDtls*:EntryDetails AddtlNtryInf?:text500
MessageName = MsgNmId?:text35 MsgId?:text35
BankTransaction = Domn?:Domain Prtry?:ProprietaryTransaction
Domain = Cd:text4 Fmly:Family
Family = Cd:text4 SubFmlyCd:text4
ProprietaryTransaction = Cd:text35 Issr?:text35
AmountDetails = InstdAmt?:AmountDetail TxAmt?:AmountDetail CntrValAmt?:AmountDetail AnncdPstngAmt?:AmountDetail PrtryAmt*:OwnAmountDetail
EntryDetails = Btch?:BatchInfo TxDtls*:Details
BatchInfo = MsgId?:text35 PmtInfId?:text35 NbOfTxs?:digits15 TtlAmt?:amount CdtDbtInd?:=CRDT/DBIT
Details = Refs?:References Amt@>=03@<07:amount Amt?@>=07:amount CdtDbtInd@>=03@<07:=CRDT/DBIT CdtDbtInd?@>=07:=CRDT/DBIT AmtDtls?:AmountDetails Avlbty*:Availability BkTxCd?:BankTransaction Chrgs*@<03:OldCharges Chrgs*@>=03@<04:Charges Chrgs?@>=04:Charges Intrst*@<03:OldInterest Intrst*@>=03@<04:Interest Intrst?@>=04:Interest RltdPties?:Parties RltdAgts?:Agents LclInstrm?@>=07:LocalInstrument Purp?:CodeOrText35 RltdRmtInf{0,10}:any RmtInf?:Remittance RltdDts?:Dates RltdPric?:any RltdQties*:any FinInstrmId?:any Tax?:any RtrInf?:Return CorpActn?:any SfkpgAcct?:any CshDpst*@>=03:any CardTx?@>=03:any AddtlTxInf?:text500 SplmtryData*@>=04:Supplementary
References = MsgId?:text35 AcctSvcrRef?:text35 PmtInfId?:text35 InstrId?:text35 EndToEndId?:text35 UETR?@g>=3:uuid TxId?:text35 MndtId?:text35 ChqNb?:text35 ClrSysRef?:text35 AcctOwnrTxId?@>=03:text35 AcctSvcrTxId?@>=03:text35 MktInfrstrctrTxId?@>=03:text35 PrcgId?@>=03:text35 Prtry?@<03:OwnReference Prtry*@>=03:OwnReference
OwnReference = Tp:text35 Ref:text35
AmountDetail = Amt:amount CcyXchg?:Exchange
OwnAmountDetail = Tp:text35 Amt:amount CcyXchg?:Exchange
Exchange = SrcCcy:currency TrgtCcy?:currency UnitCcy?:currency XchgRate:rate CtrctId?:text35 QtnDt?:dateTime
OldCharges = TtlChrgsAndTaxAmt?:amount Amt:amount CdtDbtInd?:=CRDT/DBIT Tp?:OldChargeType Rate?:rate Br?:=DEBT/CRED/SHAR/SLEV Pty?:Agent Tax?:ChargeTax
OldChargeType choice = Cd:=BRKF/COMM Prtry:OwnChargeType
Charges = TtlChrgsAndTaxAmt?:amount Rcrd*:Charge
Charge = Amt:amount CdtDbtInd?:=CRDT/DBIT ChrgInclInd?@>=04:bool Tp?:ChargeType Rate?:rate Br?:=DEBT/CRED/SHAR/SLEV Agt?:Agent Tax?:ChargeTax
ChargeType choice = Cd:text4 Prtry:OwnChargeType
OwnChargeType = Id:text35 Issr?:text35
ChargeTax = Id?:text35 Rate?:rate Amt?:amount
AccountInterest = Tp?:InterestType Rate*:InterestRate FrToDt?:Period Rsn?:text35 Tax?@>=07:ChargeTax
InterestType choice = Cd:=INDY/OVRN Prtry:text35
InterestRate = Tp:RateType VldtyRg?:any
RateType choice = Pctg:rate Othr:text35
OldInterest = Amt:amount CdtDbtInd:=CRDT/DBIT Tp?:InterestType Rate*:InterestRate FrToDt?:Period Rsn?:text35
Interest = TtlIntrstAndTaxAmt?:amount Rcrd*:InterestRecord
InterestRecord = Amt:amount CdtDbtInd:=CRDT/DBIT Tp?:InterestType Rate?:InterestRate FrToDt?:Period Rsn?:text35 Tax?:ChargeTax
Parties = InitgPty?@<07:Party InitgPty?@>=07:PartyOrAgent Dbtr?@<07:Party Dbtr?@>=07:PartyOrAgent DbtrAcct?:Account UltmtDbtr?@<07:Party UltmtDbtr?@>=07:PartyOrAgent Cdtr?@<07:Party Cdtr?@>=07:PartyOrAgent CdtrAcct?:Account UltmtCdtr?@<07:Party UltmtCdtr?@>=07:PartyOrAgent TradgPty?@<07:Party TradgPty?@>=07:PartyOrAgent Prtry*:OwnParty
OwnParty = Tp:text35 Pty@<07:Party Pty@>=07:PartyOrAgent
Agents = InstgAgt?@>=07:Agent InstdAgt?@>=07:Agent DbtrAgt?:Agent CdtrAgt?:Agent IntrmyAgt1?:Agent IntrmyAgt2?:Agent IntrmyAgt3?:Agent RcvgAgt?:Agent DlvrgAgt?:Agent IssgAgt?:Agent SttlmPlc?:Agent Prtry*:OwnAgent
OwnAgent = Tp:text35 Agt:Agent
Dates = AccptncDtTm?:dateTime TradActvtyCtrctlSttlmDt?:date TradDt?:date IntrBkSttlmDt?:date StartDt?:date EndDt?:date TxDtTm?:dateTime Prtry*:OwnDate
OwnDate = Tp:text35 Dt:DayOrInstant
Return = OrgnlBkTxCd?:BankTransaction Orgtr?:Party Rsn?:CodeOrText35 AddtlInf*:text105
`;

/**
 * The message definitions by name and the versions that are read. Three generations of the parts that all messages share
 * (parties, agents, accounts) stand behind the versions: 2009, 2013 and 2019.
 */
type MessageDefinition = {
  readonly source: string;
  readonly root: string;
  readonly generationOf: Readonly<Record<number, 1 | 2 | 3>>;
};

const DEFINITIONS: Readonly<Record<string, MessageDefinition>> = {
  'pain.008.001': {
    source: COLLECTION,
    root: 'CstmrDrctDbtInitn:Initiation',
    generationOf: { 2: 1, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2, 8: 3 },
  },
  'pain.002.001': { source: STATUS_REPORT, root: 'CstmrPmtStsRpt:Report', generationOf: { 3: 1, 10: 3 } },
  'camt.053.001': {
    source: BOOKINGS,
    root: 'BkToCstmrStmt:Statements',
    generationOf: { 2: 1, 3: 2, 4: 2, 7: 2, 8: 3 },
  },
  'camt.054.001': {
    source: BOOKINGS,
    root: 'BkToCstmrDbtCdtNtfctn:Notifications',
    generationOf: { 2: 1, 4: 2, 8: 3 },
  },
};

const compiled = new Map<string, Grammar>();

/** The rules of a message, e.g. `pain.008.001.08`; null for one that is not read here or not in that version. */
export function grammarOf(message: string): Grammar | null {
  const present = compiled.get(message);
  if (present !== undefined) return present;
  const definition = DEFINITIONS[message.slice(0, 12)];
  const version = Number(message.slice(13));
  const generation = definition?.generationOf[version];
  if (definition === undefined || generation === undefined) return null;
  const grammar = compileGrammar(definition.source + PARTIES, definition.root, { version, generation });
  compiled.set(message, grammar);
  return grammar;
}

/** True for a message that we send, in a version that nobody agreed on: what is sent must be of a known version. */
export function isUnsupportedVersion(message: string): boolean {
  return message.startsWith('pain.008.001.') && grammarOf(message) === null;
}
