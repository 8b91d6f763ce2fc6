/*
 * mqtt_topic.h - topic names and topic filters (4.7 and, for shared subscriptions, 4.8.2 of 5.0).
 *
 * Pure.
 */
#ifndef PL_CODEC_MQTT_TOPIC_H
#define PL_CODEC_MQTT_TOPIC_H

#include "base/slice.h"
#include "codec/mqtt_head.h"

/* PL_OK, or what is wrong with a topic name: PL_EUTF8, PL_ETOOBIG, PL_EPROTO with "Topic Name
 * invalid" for + and #, with "Protocol Error" for one without a character. */
int pl_mqtt_topic_check(pl_slice name, pl_mqtt_fault *fault);

/* The same for a filter, with "Topic Filter invalid": + is a whole level, # the whole of the last
 * one. In 5.0 one that begins with $share/ is $share/NAME/FILTER, without + # in its name. */
int pl_mqtt_filter_check(pl_slice filter, uint8_t version, pl_mqtt_fault *fault);

/* Whether the filter is of a shared subscription ($share/NAME/FILTER), and its parts. */
bool pl_mqtt_filter_shared(pl_slice filter, pl_slice *share, pl_slice *inner);

/* Whether a filter, shared or not, takes in a name; both have been checked. */
bool pl_mqtt_filter_matches(pl_slice filter, pl_slice name);

#endif
