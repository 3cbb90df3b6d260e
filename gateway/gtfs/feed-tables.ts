/** The tables of GTFS Fares v2 that are read: which must be there, what names a row, and every column of the adopted specification. */
export type TableSpec = {
  readonly required: boolean;
  readonly key: readonly string[];
  readonly columns: readonly string[];
};

export const FEED_TABLES = {
  'fare_products.txt': {
    required: true,
    key: ['fare_product_id', 'rider_category_id', 'fare_media_id'],
    columns: [
      'fare_product_id',
      'fare_product_name',
      'rider_category_id',
      'fare_media_id',
      'amount',
      'currency',
    ],
  },
  'fare_leg_rules.txt': {
    required: true,
    key: [
      'network_id',
      'from_area_id',
      'to_area_id',
      'from_timeframe_group_id',
      'to_timeframe_group_id',
      'fare_product_id',
    ],
    columns: [
      'leg_group_id',
      'network_id',
      'from_area_id',
      'to_area_id',
      'from_timeframe_group_id',
      'to_timeframe_group_id',
      'fare_product_id',
      'rule_priority',
    ],
  },
  'fare_transfer_rules.txt': {
    required: false,
    key: ['from_leg_group_id', 'to_leg_group_id', 'fare_product_id', 'transfer_count', 'duration_limit'],
    columns: [
      'from_leg_group_id',
      'to_leg_group_id',
      'transfer_count',
      'duration_limit',
      'duration_limit_type',
      'fare_transfer_type',
      'fare_product_id',
    ],
  },
  'fare_leg_join_rules.txt': {
    required: false,
    key: ['from_network_id', 'to_network_id', 'from_stop_id', 'to_stop_id'],
    columns: ['from_network_id', 'to_network_id', 'from_stop_id', 'to_stop_id'],
  },
  'timeframes.txt': {
    required: false,
    key: ['timeframe_group_id', 'start_time', 'end_time', 'service_id'],
    columns: ['timeframe_group_id', 'start_time', 'end_time', 'service_id'],
  },
  'rider_categories.txt': {
    required: false,
    key: ['rider_category_id'],
    columns: ['rider_category_id', 'rider_category_name', 'is_default_fare_category', 'eligibility_url'],
  },
  'fare_media.txt': {
    required: false,
    key: ['fare_media_id'],
    columns: ['fare_media_id', 'fare_media_name', 'fare_media_type'],
  },
  'areas.txt': { required: false, key: ['area_id'], columns: ['area_id', 'area_name'] },
  'stop_areas.txt': { required: false, key: ['area_id', 'stop_id'], columns: ['area_id', 'stop_id'] },
  'networks.txt': { required: false, key: ['network_id'], columns: ['network_id', 'network_name'] },
  'route_networks.txt': { required: false, key: ['route_id'], columns: ['network_id', 'route_id'] },
  'calendar.txt': {
    required: false,
    key: ['service_id'],
    columns: [
      'service_id',
      'monday',
      'tuesday',
      'wednesday',
      'thursday',
      'friday',
      'saturday',
      'sunday',
      'start_date',
      'end_date',
    ],
  },
  'calendar_dates.txt': {
    required: false,
    key: ['service_id', 'date'],
    columns: ['service_id', 'date', 'exception_type'],
  },
} as const satisfies Record<string, TableSpec>;

export type FeedTableName = keyof typeof FEED_TABLES;

/** One file as read: its header and its rows; a cell that is not there is the empty text. */
export type RawTable = {
  readonly header: readonly string[];
  readonly rows: readonly { readonly line: number; readonly cells: Readonly<Record<string, string>> }[];
  readonly hadByteOrderMark: boolean;
};
