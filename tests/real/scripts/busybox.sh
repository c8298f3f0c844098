# Run by busybox's own shell: its sort, awk, gzip, bzip2, find and others, on made-up data.
PATH= # only what is built in
set -e

busybox awk 'BEGIN { x = 1; for (i = 0; i < 60000; i++) { x = (x * 16807) % 2147483647; print x, "line", i } }' >numbers
busybox wc numbers
busybox md5sum numbers

echo '--- sort'
busybox sort -n numbers >sorted
busybox head -n 3 sorted
busybox tail -n 3 sorted
busybox sort -k 3 -n sorted | busybox cmp - numbers && echo 'back in order'

echo '--- awk'
busybox awk '{ n[$1 % 1000] += $3; total += length($0) } END { for (i = 0; i < 1000; i += 250) print i, n[i]; print total }' numbers

echo '--- gzip, bzip2'
busybox gzip -c numbers >numbers.gz
busybox gunzip -c numbers.gz | busybox cmp - numbers && echo 'gunzip gives it back'
busybox head -c 200000 numbers | busybox bzip2 -c >part.bz2
busybox bunzip2 -c part.bz2 | busybox md5sum
busybox md5sum numbers.gz part.bz2

echo '--- find'
for i in 1 2 3 4 5 6 7 8; do
    busybox mkdir -p tree/$i/deep/$i
    echo "file $i" >tree/$i/deep/$i/text
    busybox ln -s "$i" tree/link$i
done
busybox find tree -type f | busybox sort
busybox find tree -type l -name 'link[1-3]' | busybox sort
busybox find tree -type f -exec busybox cat {} + | busybox sort | busybox md5sum
busybox tar -cf - tree | busybox tar -tf - | busybox wc -l
busybox sed -n 's/^\([0-9]*\) line 59999$/last: \1/p' numbers
busybox rm -r tree
busybox find tree 2>/dev/null || echo 'tree is gone'
busybox diff numbers sorted | busybox head -n 2
