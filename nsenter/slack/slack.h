/*
 * slack.h - the timer slack that this program was started with, in nanoseconds;
 * 0 where it is still that.
 */
#ifndef RT_SLACK_H
#define RT_SLACK_H

extern unsigned long rt_given_slack;

#endif
