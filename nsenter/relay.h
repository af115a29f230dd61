/*
 * relay.h - signals as bytes in a pipe.
 */
#ifndef RT_RELAY_H
#define RT_RELAY_H

#include <stdint.h>

/*
 * rt_relay makes each of the signals that is not ignored write its number, one
 * byte, to fd. It returns 0 or a negative errno. There is one relay in a
 * process.
 */
int rt_relay(int fd, const int32_t *signals, int count);

#endif
