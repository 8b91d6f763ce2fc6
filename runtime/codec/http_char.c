#include "codec/http_char.h"

enum {
	VALUE = PL_HTTP_VALUE,
	HASH = VALUE | PL_HTTP_TCHAR,
	OTHER = VALUE | PL_HTTP_TARGET,
	TOKEN = OTHER | PL_HTTP_TCHAR,
	DELIM = OTHER | PL_HTTP_NAME,
	EVERY = TOKEN | PL_HTTP_NAME
};

#define ROW(a, b, c, d, e, f, g, h) a, b, c, d, e, f, g, h
#define ALL(x) ROW(x, x, x, x, x, x, x, x)

/* clang-format off */
const uint8_t pl_http_char[256] = {
	ALL(0), /* 00 */
	ROW(0, VALUE, 0, 0, 0, 0, 0, 0), /* 08, HTAB */
	ALL(0), /* 10 */
	ALL(0), /* 18 */
	ROW(VALUE, EVERY, OTHER, HASH,  EVERY, TOKEN, EVERY, EVERY), /*   ! " # $ % & ' */
	ROW(DELIM, DELIM, EVERY, EVERY, DELIM, EVERY, EVERY, OTHER), /* ( ) * + , - . / */
	ALL(EVERY), /* 0 1 2 3 4 5 6 7 */
	ROW(EVERY, EVERY, OTHER, DELIM, OTHER, DELIM, OTHER, OTHER), /* 8 9 : ; < = > ? */
	ROW(OTHER, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY), /* @ A B C D E F G */
	ALL(EVERY), /* H I J K L M N O */
	ALL(EVERY), /* P Q R S T U V W */
	ROW(EVERY, EVERY, EVERY, OTHER, OTHER, OTHER, TOKEN, EVERY), /* X Y Z [ \ ] ^ _ */
	ROW(TOKEN, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY, EVERY), /* ` a b c d e f g */
	ALL(EVERY), /* h i j k l m n o */
	ALL(EVERY), /* p q r s t u v w */
	ROW(EVERY, EVERY, EVERY, OTHER, TOKEN, OTHER, EVERY, 0),     /* x y z { | } ~ DEL */
	ALL(VALUE), ALL(VALUE), ALL(VALUE), ALL(VALUE), /* 80 to FF: obs-text */
	ALL(VALUE), ALL(VALUE), ALL(VALUE), ALL(VALUE),
	ALL(VALUE), ALL(VALUE), ALL(VALUE), ALL(VALUE),
	ALL(VALUE), ALL(VALUE), ALL(VALUE), ALL(VALUE),
};
/* clang-format on */
