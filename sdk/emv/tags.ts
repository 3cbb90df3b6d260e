/**
 * The dictionary of data objects, pboc-contactless.md section 3. A tag means something only in its scope: DF11 is a terminal
 * action code in a downloaded parameter record and issuer data in a T-Union FCI, so the two lists are kept apart.
 */
export type TagScope = 'card' | 'terminal-parameter';
/** n: BCD; cn: BCD right-padded with F; an, ans: text; b: binary. */
export type TagFormat = 'n' | 'cn' | 'an' | 'ans' | 'b';
export type TagSource = 'card' | 'terminal' | 'issuer';
/** S sure, L likely, U unsure, as section 3 marks its rows. */
export type TagMark = 'S' | 'L' | 'U';

export type TagEntry = {
  readonly tag: string;
  readonly scope: TagScope;
  readonly english: string;
  readonly chinese: string;
  readonly format: TagFormat;
  /** smallest and largest length in bytes; 0 to 255 where the section says that it varies */
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly source: TagSource;
  /** where it is found: templates, a command or a record, as section 3 names them; empty where it names none */
  readonly template: string;
  readonly mark: TagMark;
  /** names or finds a person or an account: printed only when asked for */
  readonly sensitive: boolean;
};

type Row = readonly [string, string, string, TagFormat, number, number, TagSource, string, TagMark];

// prettier-ignore
const CARD_ROWS: readonly Row[] = [
  ['42', 'issuer identification number', '发卡行标识代码', 'n', 3, 3, 'card', 'BF0C/73', 'S'],
  ['4F', 'application identifier', '应用标识符', 'b', 5, 16, 'card', '61', 'S'],
  ['50', 'application label', '应用标签', 'ans', 1, 16, 'card', '61/A5', 'S'],
  ['57', 'track 2 equivalent data', '磁条2等效数据', 'b', 1, 19, 'card', '70/77', 'S'],
  ['5A', 'application PAN', '应用主账号', 'cn', 1, 10, 'card', '70/77', 'S'],
  ['5F20', 'cardholder name', '持卡人姓名', 'ans', 2, 26, 'card', '70', 'S'],
  ['5F24', 'application expiry date', '应用失效日期', 'n', 3, 3, 'card', '70', 'S'],
  ['5F25', 'application effective date', '应用生效日期', 'n', 3, 3, 'card', '70', 'S'],
  ['5F28', 'issuer country code', '发卡行国家代码', 'n', 2, 2, 'card', '70', 'S'],
  ['5F2A', 'transaction currency code', '交易货币代码', 'n', 2, 2, 'terminal', '', 'S'],
  ['5F2D', 'language preference', '首选语言', 'an', 2, 8, 'card', 'A5', 'S'],
  ['5F30', 'service code', '服务码', 'n', 2, 2, 'card', '70', 'S'],
  ['5F34', 'PAN sequence number', '应用主账号序列号', 'n', 1, 1, 'card', '70/77', 'S'],
  ['5F50', 'issuer URL', '发卡行URL', 'ans', 0, 255, 'card', 'BF0C', 'L'],
  ['61', 'application template', '应用模板', 'b', 0, 255, 'card', '70/BF0C', 'S'],
  ['6F', 'FCI template', 'FCI模板', 'b', 0, 255, 'card', '', 'S'],
  ['70', 'record template', '记录模板', 'b', 0, 255, 'card', '', 'S'],
  ['71', 'issuer script template 1', '发卡行脚本模板1', 'b', 0, 255, 'issuer', '', 'S'],
  ['72', 'issuer script template 2', '发卡行脚本模板2', 'b', 0, 255, 'issuer', '', 'S'],
  ['73', 'directory discretionary template', '目录自定义模板', 'b', 0, 255, 'card', '61', 'S'],
  ['77', 'response template format 2', '响应模板格式2', 'b', 0, 255, 'card', '', 'S'],
  ['80', 'response template format 1', '响应模板格式1', 'b', 6, 255, 'card', '', 'S'],
  ['82', 'application interchange profile', '应用交互特征 AIP', 'b', 2, 2, 'card', '77/80', 'S'],
  ['83', 'command template', '命令模板', 'b', 0, 255, 'terminal', '', 'S'],
  ['84', 'DF name', '专用文件名', 'b', 5, 16, 'card', '6F', 'S'],
  ['86', 'issuer script command', '发卡行脚本命令', 'b', 0, 255, 'issuer', '71/72', 'S'],
  ['87', 'application priority indicator', '应用优先指示符', 'b', 1, 1, 'card', '61/A5', 'S'],
  ['89', 'authorisation code', '授权码', 'an', 6, 6, 'issuer', '', 'S'],
  ['8A', 'authorisation response code', '授权响应码', 'an', 2, 2, 'issuer', '', 'S'],
  ['8C', 'CDOL1', '卡片风险管理数据对象列表1', 'b', 0, 255, 'card', '70', 'S'],
  ['8D', 'CDOL2', '卡片风险管理数据对象列表2', 'b', 0, 255, 'card', '70', 'S'],
  ['8E', 'CVM list', '持卡人验证方法列表', 'b', 10, 252, 'card', '70', 'S'],
  ['8F', 'CA public key index', 'CA公钥索引', 'b', 1, 1, 'card', '70', 'S'],
  ['90', 'issuer public key certificate', '发卡行公钥证书', 'b', 64, 248, 'card', '70', 'S'],
  ['91', 'issuer authentication data', '发卡行认证数据', 'b', 8, 16, 'issuer', '', 'S'],
  ['92', 'issuer public key remainder', '发卡行公钥余项', 'b', 0, 255, 'card', '70', 'S'],
  ['93', 'signed static application data', '签名的静态应用数据', 'b', 64, 248, 'card', '70', 'S'],
  ['94', 'application file locator', '应用文件定位器 AFL', 'b', 4, 252, 'card', '77/80', 'S'],
  ['95', 'terminal verification results', '终端验证结果 TVR', 'b', 5, 5, 'terminal', '', 'S'],
  ['9A', 'transaction date', '交易日期', 'n', 3, 3, 'terminal', '', 'S'],
  ['9B', 'transaction status information', '交易状态信息 TSI', 'b', 2, 2, 'terminal', '', 'S'],
  ['9C', 'transaction type', '交易类型', 'n', 1, 1, 'terminal', '', 'S'],
  ['9F01', 'acquirer identifier', '收单行标识', 'n', 6, 6, 'terminal', '', 'S'],
  ['9F02', 'amount authorised (numeric)', '授权金额', 'n', 6, 6, 'terminal', '', 'S'],
  ['9F03', 'amount other (numeric)', '其他金额', 'n', 6, 6, 'terminal', '', 'S'],
  ['9F06', 'terminal AID', '终端应用标识符', 'b', 5, 16, 'terminal', '', 'S'],
  ['9F07', 'application usage control', '应用用途控制', 'b', 2, 2, 'card', '70', 'S'],
  ['9F08', 'application version number (card)', '卡片应用版本号', 'b', 2, 2, 'card', '70', 'S'],
  ['9F09', 'application version number (terminal)', '终端应用版本号', 'b', 2, 2, 'terminal', '', 'S'],
  ['9F0D', 'issuer action code default', '发卡行行为代码-缺省', 'b', 5, 5, 'card', '70', 'S'],
  ['9F0E', 'issuer action code denial', '发卡行行为代码-拒绝', 'b', 5, 5, 'card', '70', 'S'],
  ['9F0F', 'issuer action code online', '发卡行行为代码-联机', 'b', 5, 5, 'card', '70', 'S'],
  ['9F10', 'issuer application data', '发卡行应用数据', 'b', 1, 32, 'card', '77', 'S'],
  ['9F11', 'issuer code table index', '发卡行代码表索引', 'n', 1, 1, 'card', 'A5', 'S'],
  ['9F12', 'application preferred name', '应用首选名称', 'ans', 1, 16, 'card', 'A5', 'S'],
  ['9F13', 'last online ATC register', '上次联机ATC寄存器', 'b', 2, 2, 'card', 'GET DATA', 'S'],
  ['9F14', 'lower consecutive offline limit', '连续脱机交易下限', 'b', 1, 1, 'card', '70', 'S'],
  ['9F17', 'PIN try counter', 'PIN尝试计数器', 'b', 1, 1, 'card', 'GET DATA', 'S'],
  ['9F18', 'issuer script identifier', '发卡行脚本标识', 'b', 4, 4, 'issuer', '71/72', 'S'],
  ['9F1A', 'terminal country code', '终端国家代码', 'n', 2, 2, 'terminal', '', 'S'],
  ['9F1B', 'terminal floor limit', '终端最低限额', 'b', 4, 4, 'terminal', '', 'S'],
  ['9F1C', 'terminal identification', '终端标识', 'an', 8, 8, 'terminal', '', 'S'],
  ['9F1D', 'terminal risk management data', '终端风险管理数据', 'b', 1, 8, 'terminal', '', 'S'],
  ['9F1E', 'IFD serial number', '接口设备序列号', 'an', 8, 8, 'terminal', '', 'S'],
  ['9F20', 'track 2 discretionary data', '磁条2自定义数据', 'cn', 0, 252, 'card', '70', 'S'],
  ['9F21', 'transaction time', '交易时间', 'n', 3, 3, 'terminal', '', 'S'],
  ['9F22', 'CA public key index (terminal)', '终端CA公钥索引', 'b', 1, 1, 'terminal', '', 'S'],
  ['9F23', 'upper consecutive offline limit', '连续脱机交易上限', 'b', 1, 1, 'card', '70', 'S'],
  ['9F26', 'application cryptogram', '应用密文 AC', 'b', 8, 8, 'card', '77', 'S'],
  ['9F27', 'cryptogram information data', '密文信息数据 CID', 'b', 1, 1, 'card', '77', 'S'],
  ['9F32', 'issuer public key exponent', '发卡行公钥指数', 'b', 1, 3, 'card', '70', 'S'],
  ['9F33', 'terminal capabilities', '终端性能', 'b', 3, 3, 'terminal', '', 'S'],
  ['9F34', 'CVM results', '持卡人验证结果', 'b', 3, 3, 'terminal', '', 'S'],
  ['9F35', 'terminal type', '终端类型', 'n', 1, 1, 'terminal', '', 'S'],
  ['9F36', 'application transaction counter', '应用交易计数器 ATC', 'b', 2, 2, 'card', '77', 'S'],
  ['9F37', 'unpredictable number', '不可预知数', 'b', 4, 4, 'terminal', '', 'S'],
  ['9F38', 'PDOL', '处理选项数据对象列表', 'b', 0, 255, 'card', 'A5', 'S'],
  ['9F39', 'POS entry mode', 'POS输入方式', 'n', 1, 1, 'terminal', '', 'S'],
  ['9F40', 'additional terminal capabilities', '附加终端性能', 'b', 5, 5, 'terminal', '', 'S'],
  ['9F41', 'transaction sequence counter', '交易序列计数器', 'n', 2, 4, 'terminal', '', 'S'],
  ['9F42', 'application currency code', '应用货币代码', 'n', 2, 2, 'card', '70', 'S'],
  ['9F44', 'application currency exponent', '应用货币指数', 'n', 1, 1, 'card', '70', 'S'],
  ['9F45', 'data authentication code', '数据认证码', 'b', 2, 2, 'card', 'in 93', 'S'],
  ['9F46', 'ICC public key certificate', 'IC卡公钥证书', 'b', 64, 248, 'card', '70', 'S'],
  ['9F47', 'ICC public key exponent', 'IC卡公钥指数', 'b', 1, 3, 'card', '70', 'S'],
  ['9F48', 'ICC public key remainder', 'IC卡公钥余项', 'b', 0, 255, 'card', '70', 'S'],
  ['9F49', 'DDOL', '动态数据认证数据对象列表', 'b', 0, 255, 'card', '70', 'S'],
  ['9F4A', 'SDA tag list', '静态数据认证标签列表', 'b', 0, 255, 'card', '70', 'S'],
  ['9F4B', 'signed dynamic application data', '签名的动态应用数据', 'b', 64, 248, 'card', '77/70', 'S'],
  ['9F4C', 'ICC dynamic number', 'IC卡动态数', 'b', 2, 8, 'card', 'in 9F4B', 'S'],
  ['9F4D', 'log entry', '交易日志入口', 'b', 2, 2, 'card', 'BF0C', 'S'],
  ['9F4E', 'merchant name and location', '商户名称', 'ans', 0, 252, 'terminal', '', 'S'],
  ['9F4F', 'log format', '日志格式', 'b', 0, 255, 'card', 'GET DATA', 'S'],
  ['9F50', 'issuer URL 2 (contact)', '发卡行URL2', 'ans', 0, 255, 'card', 'BF0C', 'U'],
  ['9F51', 'application currency code (card risk)', '应用货币代码(卡内)', 'n', 2, 2, 'card', 'GET DATA', 'L'],
  ['9F52', 'application default action', '应用缺省行为 ADA', 'b', 2, 6, 'card', 'internal', 'L'],
  ['9F53', 'consecutive offline limit (international currency)', '连续脱机交易限制数(国际-货币)', 'b', 1, 1, 'card', 'GET DATA', 'L'],
  ['9F54', 'cumulative total amount limit', '累计脱机交易金额限制 CTTAL', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['9F55', 'geographic indicator', '地域指示符', 'b', 1, 1, 'card', 'internal', 'U'],
  ['9F56', 'issuer authentication indicator', '发卡行认证指示位', 'b', 1, 1, 'card', 'internal', 'L'],
  ['9F57', 'issuer country code (card risk)', '发卡行国家代码(卡内)', 'n', 2, 2, 'card', 'internal', 'L'],
  ['9F58', 'lower consecutive offline limit (card check)', '连续脱机交易下限(卡)', 'b', 1, 1, 'card', 'GET DATA', 'L'],
  ['9F59', 'upper consecutive offline limit (card check)', '连续脱机交易上限(卡)', 'b', 1, 1, 'card', 'GET DATA', 'L'],
  ['9F5A', 'issuer URL 2 (some lists)', '发卡行URL2', 'ans', 0, 255, 'card', 'BF0C', 'U'],
  ['9F5C', 'cumulative total amount upper limit', '累计脱机交易金额上限', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['9F5D', 'available offline spending amount', '可用脱机消费金额', 'n', 6, 6, 'card', '77/GET DATA', 'S'],
  ['9F61', 'cardholder ID number', '持卡人证件号', 'ans', 1, 40, 'card', '70', 'S'],
  ['9F62', 'cardholder ID type', '持卡人证件类型', 'n', 1, 1, 'card', '70', 'S'],
  ['9F63', 'card product identification', '卡产品标识信息', 'b', 16, 16, 'card', '70/77', 'L'],
  ['9F66', 'terminal transaction qualifiers', '终端交易属性 TTQ', 'b', 4, 4, 'terminal', 'PDOL', 'S'],
  ['9F68', 'card additional processes', '卡片附加处理', 'b', 4, 4, 'card', 'internal', 'L'],
  ['9F69', 'card authentication related data', '卡片认证相关数据', 'b', 5, 16, 'card', '77/70', 'L'],
  ['9F6B', 'card CVM limit', '卡片CVM限额', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['9F6C', 'card transaction qualifiers', '卡片交易属性 CTQ', 'b', 2, 2, 'card', '77', 'S'],
  ['9F6D', 'EC reset threshold', '电子现金重置阈值', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['9F6E', 'form factor / third-party data (Visa seen)', '设备形态', 'b', 4, 4, 'card', '70', 'L'],
  ['9F72', 'consecutive offline limit (international country)', '连续脱机交易限制数(国际-国家)', 'b', 1, 1, 'card', 'GET DATA', 'L'],
  ['9F73', 'currency conversion factor', '货币转换因子', 'b', 4, 4, 'card', 'internal', 'L'],
  ['9F74', 'EC issuer authorisation code', '电子现金发卡行授权码', 'an', 6, 6, 'card', '70 (last record)', 'S'],
  ['9F75', 'cumulative amount limit, dual currency', '累计金额限制(双货币)', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['9F76', 'second application currency code', '第二应用货币代码', 'n', 2, 2, 'card', 'internal', 'L'],
  ['9F77', 'EC balance limit', '电子现金余额上限', 'n', 6, 6, 'card', 'GET DATA', 'S'],
  ['9F78', 'EC single transaction limit', '电子现金单笔交易限额', 'n', 6, 6, 'card', 'GET DATA', 'S'],
  ['9F79', 'EC balance', '电子现金余额', 'n', 6, 6, 'card', 'GET DATA', 'S'],
  ['9F7A', 'EC terminal support indicator', '电子现金终端支持指示器', 'n', 1, 1, 'terminal', 'PDOL', 'S'],
  ['9F7B', 'EC terminal transaction limit', '电子现金终端交易限额', 'n', 6, 6, 'terminal', '', 'S'],
  ['A5', 'FCI proprietary template', 'FCI专用模板', 'b', 0, 255, 'card', '6F', 'S'],
  ['BF0C', 'FCI issuer discretionary data', 'FCI发卡行自定义数据', 'b', 0, 255, 'card', 'A5', 'S'],
  ['DF11', 'T-Union issuer, city and interoperability data', '交通联合发卡信息', 'b', 32, 32, 'card', 'BF0C', 'L'],
  ['DF4D', 'load log entry', '圈存日志入口', 'b', 2, 2, 'card', 'BF0C', 'S'],
  ['DF4F', 'load log format', '圈存日志格式', 'b', 0, 255, 'card', 'GET DATA', 'L'],
  ['DF60', 'extended-application (CAPP) indicator', '扩展应用指示位', 'b', 1, 1, 'terminal', 'PDOL', 'S'],
  ['DF61', 'segmented-charging support (82 and 02 seen)', '分段扣费应用标识', 'b', 1, 1, 'card', 'BF0C', 'S'],
  ['DF62', 'segmented-charging credit limit', '分段扣费抵扣限额', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['DF63', 'segmented-charging amount used', '分段扣费已抵扣额', 'n', 6, 6, 'card', 'GET DATA', 'L'],
  ['DF69', 'SM algorithm support indicator', '国密算法支持指示器', 'b', 1, 1, 'terminal', 'PDOL', 'S'],
  ['DF71', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  ['DF72', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  ['DF76', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  ['DF77', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  ['DF78', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  ['DF79', 'second-currency electronic cash set', '双币电子现金数据', 'b', 0, 255, 'card', 'GET DATA', 'U'],
  // Not in section 3: general EMV knowledge, here so that a tool masks them.
  ['56', 'track 1 equivalent data', '磁条1等效数据', 'ans', 0, 76, 'card', '70', 'U'],
  ['99', 'transaction PIN data', '交易PIN数据', 'b', 0, 255, 'terminal', '', 'U'],
  ['9F1F', 'track 1 discretionary data', '磁条1自定义数据', 'ans', 0, 252, 'card', '70', 'U'],
];

// prettier-ignore
const TERMINAL_PARAMETER_ROWS: readonly Row[] = [
  ['DF01', 'application selection indicator', '应用选择指示符', 'b', 1, 1, 'terminal', 'AID record', 'S'],
  ['DF02', 'CA public key modulus or SM2 point', 'CA公钥模', 'b', 0, 255, 'terminal', 'CAPK record', 'S'],
  ['DF03', 'CA public key checksum', 'CA公钥校验值', 'b', 20, 20, 'terminal', 'CAPK record', 'S'],
  ['DF04', 'CA public key exponent', 'CA公钥指数', 'b', 1, 3, 'terminal', 'CAPK record', 'S'],
  ['DF05', 'CA public key expiry', 'CA公钥有效期', 'an', 8, 8, 'terminal', 'CAPK record', 'S'],
  ['DF06', 'CA hash algorithm indicator', '哈希算法标识', 'b', 1, 1, 'terminal', 'CAPK record', 'S'],
  ['DF07', 'CA key algorithm indicator', '公钥算法标识', 'b', 1, 1, 'terminal', 'CAPK record', 'S'],
  ['DF11', 'TAC default', 'TAC-缺省', 'b', 5, 5, 'terminal', 'AID record', 'S'],
  ['DF12', 'TAC online', 'TAC-联机', 'b', 5, 5, 'terminal', 'AID record', 'S'],
  ['DF13', 'TAC denial', 'TAC-拒绝', 'b', 5, 5, 'terminal', 'AID record', 'S'],
  ['DF14', 'default DDOL', '缺省DDOL', 'b', 0, 255, 'terminal', 'AID record', 'S'],
  ['DF15', 'random-selection threshold', '偏置随机选择阈值', 'b', 4, 4, 'terminal', 'AID record', 'S'],
  ['DF16', 'random-selection maximum per cent', '偏置随机选择最大百分数', 'n', 1, 1, 'terminal', 'AID record', 'S'],
  ['DF17', 'random-selection target per cent', '随机选择目标百分数', 'n', 1, 1, 'terminal', 'AID record', 'S'],
  ['DF18', 'online PIN capability', '联机PIN支持', 'b', 1, 1, 'terminal', 'AID record', 'S'],
  ['DF19', 'contactless offline floor limit', '非接脱机最低限额', 'n', 6, 6, 'terminal', 'AID record', 'S'],
  ['DF20', 'contactless transaction limit', '非接交易限额', 'n', 6, 6, 'terminal', 'AID record', 'S'],
  ['DF21', 'contactless CVM limit', '非接CVM限额', 'n', 6, 6, 'terminal', 'AID record', 'S'],
  ['DF28', 'CA hash algorithm indicator (SM family of parameter sets)', '哈希算法标识(国密)', 'b', 1, 1, 'terminal', 'CAPK record', 'U'],
  ['DF38', 'CA curve parameter identifier (SM family of parameter sets)', '曲线参数标识(国密)', 'b', 1, 1, 'terminal', 'CAPK record', 'U'],
];

/**
 * What a tool hides unless it is told not to: account numbers and track data, the holder's name and identity number, PIN data,
 * and the card certificate, because an SM2 one carries the PAN in clear (pboc-contactless.md 4.3 and 8).
 */
const SENSITIVE_TAGS: ReadonlySet<string> = new Set([
  '56',
  '57',
  '5A',
  '5F20',
  '99',
  '9F1F',
  '9F20',
  '9F46',
  '9F61',
]);

function entriesOf(scope: TagScope, rows: readonly Row[]): ReadonlyMap<string, TagEntry> {
  return new Map(
    rows.map(([tag, english, chinese, format, minBytes, maxBytes, source, template, mark]) => {
      const sensitive = scope === 'card' && SENSITIVE_TAGS.has(tag);
      return [
        tag,
        { tag, scope, english, chinese, format, minBytes, maxBytes, source, template, mark, sensitive },
      ];
    }),
  );
}

const ENTRIES: Readonly<Record<TagScope, ReadonlyMap<string, TagEntry>>> = {
  card: entriesOf('card', CARD_ROWS),
  'terminal-parameter': entriesOf('terminal-parameter', TERMINAL_PARAMETER_ROWS),
};

/** What section 3 says of a tag, upper-case hex; undefined for a tag it does not list. */
export function findTag(tag: string, scope: TagScope = 'card'): TagEntry | undefined {
  return ENTRIES[scope].get(tag);
}

export function listTags(scope: TagScope): readonly TagEntry[] {
  return [...ENTRIES[scope].values()];
}

/** Unknown tags count as not sensitive in themselves; a caller that prints them decides for itself. */
export function isSensitiveTag(tag: string): boolean {
  return SENSITIVE_TAGS.has(tag);
}
